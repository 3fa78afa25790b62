import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BinaryNode } from "@whiskeysockets/baileys";
import { Agent } from "undici";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { divert } from "../../../session-host/baileys/send/route.ts";
import { DamagedFile, FileGone } from "../../../session-host/media/download.ts";
import { MediaHosts } from "../../../session-host/media/hosts.ts";
import { nextTry, retryPausesMs } from "../../../session-host/media/retry.ts";
import { sealMedia } from "../../../simulator/wire/media.ts";

const plain = Buffer.from("a file");
const { ciphertext, mediaKey } = sealMedia(plain, "document");
const damaged = Buffer.from(ciphertext.map((byte, at) => (at === 3 ? byte ^ 1 : byte)));
const ttlMs = 3_600_000;
const minuteMs = 60_000;

let folder: string;
let server: Server;
/** What the media hosts answer, in the order of the requests. */
let answers: (number | "damaged")[];
/** How many questions about the hosts WhatsApp got, and how many of the next ones fail. */
let questions: number;
let failing: number;
let now: number;
let hosts: MediaHosts;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchboard-hosts-"));
  server = createServer((_request, response) => {
    const answer = answers.shift() ?? 200;
    response.writeHead(answer === "damaged" ? 200 : answer).end(answer === "damaged" ? damaged : ciphertext);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  [answers, questions, failing, now] = [[], 0, 0, 0];
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const named = ["primary.test", "fallback.test"].map((hostname) => ({ tag: "host", attrs: { hostname } }));
  const query = async (): Promise<BinaryNode> => {
    questions++;
    if (failing-- > 0) throw new Error("no answer");
    const attrs = { ttl: String(ttlMs / 1000) };
    return { tag: "iq", attrs: {}, content: [{ tag: "media_conn", attrs, content: named }] };
  };
  const clock = { now: () => new Date(now) };
  hosts = new MediaHosts(
    () => ({ query }) as never,
    divert(new Agent(), () => origin),
    clock,
  );
});

async function fetched(name = "file"): Promise<Buffer> {
  const path = join(folder, name);
  await hosts.download({ directPath: "/v/file.enc", mediaKey, kind: "document" }, path);
  return await readFile(path);
}

test("WhatsApp is asked for its media hosts once, and again after the answer has expired", async () => {
  await Promise.all([fetched("one"), fetched("two"), fetched("three")]);
  now += ttlMs - 1;
  await fetched();
  expect(questions).toBe(1);
  now += 1;
  await fetched();
  expect(questions).toBe(2);
});

test("a failed question about the media hosts is repeated for the next file", async () => {
  failing = 1;
  await expect(fetched()).rejects.toThrow("no answer");
  expect(await fetched()).toEqual(plain);
});

test.each([401, 403])("new media hosts are asked for after HTTP status %d, at most once a minute", async (status) => {
  await fetched();
  for (const [passed, expected] of [
    [minuteMs - 1, 1],
    [1, 2],
    [minuteMs - 1, 2],
  ] as const) {
    now += passed;
    answers = [status, status];
    if (expected === questions) await expect(fetched()).rejects.toThrow(String(status));
    else expect(await fetched()).toEqual(plain);
    expect(questions).toBe(expected);
  }
});

test.each([
  [[500, 410], FileGone],
  [[404, 500], FileGone],
  [["damaged", 404], FileGone],
  [["damaged", "damaged"], DamagedFile],
] as const)("the media hosts answer %j, which counts as %o", async (given, expected) => {
  answers = [...given];
  await expect(fetched()).rejects.toBeInstanceOf(expected);
});

test.each([[["damaged"]], [[429]], [[404]]] as const)(
  "a file is fetched from the next media host after %j",
  async (given) => {
    answers = [...given];
    expect(await fetched()).toEqual(plain);
  },
);

test("a damaged file is tried again if another media host failed", async () => {
  answers = ["damaged", 503];
  await expect(fetched()).rejects.toThrow("503");
});

test("a file is tried for about 24 hours, and tries on request do not count", () => {
  let time = 0;
  let retry = nextTry(undefined, new Date(time));
  for (const [index, pauseMs] of retryPausesMs.entries()) {
    expect(retry).toEqual({
      tries: index + 1,
      triedAt: new Date(time).toISOString(),
      nextTryAt: new Date(time + pauseMs).toISOString(),
    });
    const early = retry && nextTry({ ...retry, requested: true }, new Date(time + 1));
    expect(early).toEqual({ ...retry, triedAt: new Date(time + 1).toISOString() });
    time += pauseMs;
    retry = nextTry(early, new Date(time));
  }
  expect(retry).toBeUndefined();
  expect(time / ttlMs).toBeCloseTo(24, 0);
});
