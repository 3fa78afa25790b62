import { Agent } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startApi, type TestApi } from "../support/api/api.ts";
import { watchBlocks } from "../support/fuzz/blocks.ts";
import { type FuzzRequest, fuzzRequest, type Subjects } from "../support/fuzz/requests.ts";
import { complaint, sendFuzz } from "../support/fuzz/send.ts";

/** The number of requests. CI sends 5,000. The long form is 100,000, with any seed. */
const rounds = Number(process.env.FUZZ_ROUNDS ?? 300);
const seed = Number(process.env.FUZZ_SEED ?? 1);
/** The number of the first request. To send one request again, set its seed and number, and FUZZ_ROUNDS=1. */
const first = Number(process.env.FUZZ_FIRST ?? 0);
/** Requests can revoke keys and delete instances. After this many requests, there are new ones. */
const requestsPerSubject = 200;
const concurrency = 4;
const maxFailures = 10;
/** CPU time of the thread in milliseconds, the client included. */
const maxBlockMs = 1_000;

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
}, 60_000);
afterAll(() => api?.stop());

async function newSubjects(): Promise<Subjects> {
  const { key, id: userId } = await api.user();
  const { key: adminKey } = await api.user({ role: "admin" });
  const instanceId = await api.instance(key, "connected");
  const foreignInstanceId = await api.instance(adminKey, "connected");
  const limited = await api.request("POST", "/api/keys", { key, body: { name: "read", permissions: ["read"] } });
  return { key, adminKey, userId, instanceId, foreignInstanceId, readOnlyKey: limited.body.apiKey };
}

const described = ({ method, target, headers, body }: FuzzRequest) =>
  `${method} ${target.slice(0, 300)} ${JSON.stringify(headers).slice(0, 300)} ${body?.toString().slice(0, 500) ?? ""}`;

test(
  "mutated requests get an answer with a code of the list, cause no server error, and block nothing",
  async () => {
    console.log(`seed ${seed}: FUZZ_SEED=${seed} FUZZ_FIRST=${first} FUZZ_ROUNDS=${rounds}`);
    const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
    const failures: string[] = [];
    const inProgress = new Map<number, FuzzRequest>();
    const blocks = watchBlocks(() => [...inProgress].map(([at, one]) => `${at}: ${described(one)}`).join("\n"));
    let subjects = newSubjects();
    let next = first;
    const work = async () => {
      while (next < first + rounds && failures.length < maxFailures) {
        const number = next++;
        if (number % requestsPerSubject === 0) subjects = newSubjects();
        const request = fuzzRequest(seed, number, await subjects);
        inProgress.set(number, request);
        const wrong = await sendFuzz(api.impatientUrl, agent, request).then(
          (answer) => complaint(request, answer),
          String,
        );
        inProgress.delete(number);
        if (wrong)
          failures.push(`FUZZ_SEED=${seed} FUZZ_FIRST=${number} FUZZ_ROUNDS=1: ${wrong}\n${described(request)}`);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, work));
    blocks.stop();
    agent.destroy();
    expect(failures.join("\n\n")).toBe("");
    expect(blocks.worst.ms, blocks.worst.work).toBeLessThan(maxBlockMs);
  },
  60_000 + rounds * 100,
);
