import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Agent, request } from "undici";
import { type Database, openDatabase } from "../../core/db/index.ts";
import { startPostgres } from "../../infra/local/postgres.ts";
import { now } from "./clock.ts";
import { readEnvironment } from "./environment.ts";
import type { Running, Setting } from "./gateway/process.ts";
import { percentile } from "./statistics.ts";
import { endChild, startChild } from "./subject.ts";

/*
 * A page of a chat's history, its total included, over the REST API of a gateway in a process of its own: out of a chat with
 * few messages and of one with many, in turn.
 */

const help = `node tests/bench/history.ts [options]
  --small N     messages of the small chat (10000)
  --large N     messages of the large chat (1000000)
  --pages N     pages of each kind (400)
  --limit N     messages of a page (50)
  --out FOLDER  where the results go (bench-results)`;

const text = (value: string) => ({ type: "string", default: value }) as const;
const { values } = parseArgs({
  options: {
    ...{ small: text("10000"), large: text("1000000"), pages: text("400"), limit: text("50") },
    ...{ out: text("bench-results"), help: { type: "boolean", default: false } },
  },
});
const [small, large, pages, limit] = [values.small, values.large, values.pages, values.limit].map((given) => {
  if (/^[1-9]\d*$/.test(given)) return Number(given);
  throw new Error(`a positive whole number is wanted, not ${given}`);
}) as [number, number, number, number];

/** What is asked for, of either chat. Both chats' messages are spread evenly over the year 2025. */
const kinds = {
  "newest page": "",
  "page of a part of the year": "&startDate=2025-03-01T10:17:00Z&endDate=2025-09-30T15:42:00Z",
  "page of one day": "&startDate=2025-06-01&endDate=2025-06-01",
  "page from the middle": "&skip=half",
};
const chats = { small: "4915550000001@s.whatsapp.net", large: "4915550000002@s.whatsapp.net" };
type Size = keyof typeof chats;
const sizes: Record<Size, number> = { small, large };

async function fill(db: Database, instanceId: string, size: Size): Promise<void> {
  await db.sql`
    insert into messages (id, instance_id, wa_id, chat_id, from_me, sender_id, type, proto_type, body, status, sent_at)
    select gen_random_uuid(), ${instanceId}, ${size} || n, ${chats[size]}, n % 2 = 0,
      case when n % 2 = 0 then '' else ${chats[size]} end, 'text', 'conversation', 'This is message number ' || n,
      case when n % 2 = 0 then 'read' else 'received' end,
      timestamptz '2025-01-01Z' + n * interval '365 days' / ${sizes[size] + 1}::int
    from generate_series(1, ${sizes[size]}::int) n`;
}

async function measure(url: string, key: string, instanceId: string): Promise<Map<string, number[]>> {
  const http = new Agent({ connections: 1, pipelining: 1 });
  const found = new Map<string, number[]>();
  const ask = async (kind: keyof typeof kinds, size: Size) => {
    const query = kinds[kind].replace("half", String(Math.floor(sizes[size] / 2)));
    const begun = now();
    const path = `/api/instances/${instanceId}/chats/${chats[size]}/messages?limit=${limit}${query}`;
    const answer = await request(new URL(path, url), { dispatcher: http, headers: { "x-api-key": key } });
    const body = (await answer.body.json()) as { messages: unknown[]; pagination: { total: number } };
    const took = now() - begun;
    const whole = !query.includes("Date=");
    if (answer.statusCode !== 200 || (whole && body.pagination.total !== sizes[size])) {
      throw new Error(`not the page that was asked for: ${answer.statusCode} ${JSON.stringify(body).slice(0, 300)}`);
    }
    return took;
  };
  for (let round = -20; round < pages; round++) {
    for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) {
      for (const size of round % 2 === 0 ? (["small", "large"] as const) : (["large", "small"] as const)) {
        // The first ones warm everything up.
        const took = await ask(kind, size);
        if (round >= 0) found.set(`${kind} ${size}`, [...(found.get(`${kind} ${size}`) ?? []), took]);
      }
    }
  }
  await http.close();
  return found;
}

function table(found: ReadonlyMap<string, number[]>): string {
  const rows = Object.keys(kinds).flatMap((kind) =>
    [0.5, 0.99].map((share) => {
      const of = (size: Size) => percentile(found.get(`${kind} ${size}`) ?? [], share);
      const figures = [of("small").toFixed(2), of("large").toFixed(2), (of("large") / of("small")).toFixed(2)];
      return `| ${kind}, p${share * 100} | ms | ${figures.join(" | ")} |`;
    }),
  );
  return [`| | | ${small} messages | ${large} messages | ratio |`, "| --- | --- | --: | --: | --: |", ...rows].join(
    "\n",
  );
}

async function run(): Promise<void> {
  const environment = readEnvironment();
  const folder = await mkdtemp(join(tmpdir(), "switchboard-bench-"));
  const postgres = await startPostgres({ dataDir: join(folder, "postgres") });
  const db = openDatabase(postgres.url, { max: 1, name: "bench" });
  let child: ChildProcess | undefined;
  try {
    const env = { PORT: "0", SHARDS: "1", DATA_DIR: join(folder, "data"), DATABASE_URL: postgres.url };
    const module = fileURLToPath(new URL("./gateway/process.ts", import.meta.url));
    ({ child } = startChild("gateway", module, folder, { env, host: "none" } satisfies Setting));
    const died = once(child, "exit").then(([code]) => {
      throw new Error(`the gateway ended: ${code}; see ${folder}/gateway.log`);
    });
    died.catch(() => undefined);
    const [{ url, apiKey = "" }] = (await Promise.race([once(child, "message"), died])) as [Running];
    const made = await request(new URL("/api/instances", url), {
      method: "POST",
      headers: { "x-api-key": apiKey, "content-type": "application/json" },
      body: JSON.stringify({ name: "history" }),
    });
    const { id } = (await made.body.json()) as { id: string };
    for (const size of Object.keys(chats) as Size[]) {
      console.log(`writing ${sizes[size]} messages`);
      await fill(db, id, size);
    }
    await db.sql`vacuum analyze messages, message_days`;
    console.log(`asking for ${pages} pages of each kind and chat`);
    const found = await measure(url, apiKey, id);
    mkdirSync(values.out, { recursive: true });
    const stem = join(values.out, `history-${environment.date.replaceAll(/[:.]/g, "-")}`);
    const facts = Object.entries({ ...environment, pages, limit }).map(([name, value]) => `- ${name}: ${value}`);
    writeFileSync(`${stem}.md`, `# History, ${environment.date}\n\n${table(found)}\n\n${facts.join("\n")}\n`);
    writeFileSync(
      `${stem}.json`,
      `${JSON.stringify({ environment, small, large, limit, ms: Object.fromEntries(found) })}\n`,
    );
    console.log(`\n${table(found)}\nwritten to ${stem}.md and ${stem}.json`);
  } finally {
    if (child) await endChild(child);
    await db.close();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

if (values.help) console.log(help);
else await run();
