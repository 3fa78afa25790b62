import type { ChildProcess } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Agent, request } from "undici";
import { type Database, openDatabase } from "../../../core/db/index.ts";
import { startPostgres } from "../../../local/postgres/index.ts";
import { now } from "../clock.ts";
import type { Running, Setting } from "../gateway/process.ts";
import type { Study } from "../result/result.ts";
import { percentile } from "../result/statistics.ts";
import { endChild, firstMessage, startChild } from "../subject.ts";

/** Messages per page. */
const limit = 50;

/** The query of each kind of page, for both chats. The messages of both are spread evenly over the year 2025. */
const kinds = {
  "newest page": "",
  "page of part of the year": "&startDate=2025-03-01T10:17:00Z&endDate=2025-09-30T15:42:00Z",
  "page of one day": "&startDate=2025-06-01&endDate=2025-06-01",
  "page from the middle": "&skip=half",
};
const chats = { small: "4915550000001@s.whatsapp.net", large: "4915550000002@s.whatsapp.net" };
type Size = keyof typeof chats;
type Sizes = Record<Size, number>;

async function fill(db: Database, instanceId: string, size: Size, sizes: Sizes): Promise<void> {
  await db.sql`
    insert into messages (id, instance_id, wa_id, chat_id, from_me, sender_id, type, proto_type, body, status, sent_at)
    select gen_random_uuid(), ${instanceId}, ${size} || n, ${chats[size]}, n % 2 = 0,
      case when n % 2 = 0 then '' else ${chats[size]} end, 'text', 'conversation', 'This is message number ' || n,
      case when n % 2 = 0 then 'read' else 'received' end,
      timestamptz '2025-01-01Z' + n * interval '365 days' / ${sizes[size] + 1}::int
    from generate_series(1, ${sizes[size]}::int) n`;
}

async function measure(
  { url, apiKey = "" }: Running,
  instanceId: string,
  sizes: Sizes,
  pages: number,
): Promise<Map<string, number[]>> {
  const http = new Agent({ connections: 1, pipelining: 1 });
  const found = new Map<string, number[]>();
  const readPage = async (kind: keyof typeof kinds, size: Size) => {
    const query = kinds[kind].replace("half", String(Math.floor(sizes[size] / 2)));
    const startedAt = now();
    const path = `/api/instances/${instanceId}/chats/${chats[size]}/messages?limit=${limit}${query}`;
    const answer = await request(new URL(path, url), { dispatcher: http, headers: { "x-api-key": apiKey } });
    const body = (await answer.body.json()) as { messages: unknown[]; pagination: { total: number } };
    const took = now() - startedAt;
    const whole = !query.includes("Date=");
    if (answer.statusCode !== 200 || (whole && body.pagination.total !== sizes[size])) {
      throw new Error(
        `the response is not the requested page: ${answer.statusCode} ${JSON.stringify(body).slice(0, 300)}`,
      );
    }
    return took;
  };
  for (let round = -20; round < pages; round++) {
    for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) {
      for (const size of round % 2 === 0 ? (["small", "large"] as const) : (["large", "small"] as const)) {
        // The first 20 rounds are a warm-up.
        const took = await readPage(kind, size);
        if (round >= 0) found.set(`${kind} ${size}`, [...(found.get(`${kind} ${size}`) ?? []), took]);
      }
    }
  }
  await http.close();
  return found;
}

/**
 * Reads pages of a chat's history with its total over the REST API of a gateway in a separate process, alternately from a
 * chat with few messages and from a chat with many messages.
 */
export const history: Study = async ({ folder, options, keep, progress }) => {
  const sizes: Sizes = options.quick ? { small: 1_000, large: 20_000 } : { small: 10_000, large: 1_000_000 };
  const pages = options.quick ? 40 : 400;
  mkdirSync(folder, { recursive: true });
  const postgres = await startPostgres({ dataDir: join(folder, "postgres") });
  const db = openDatabase(postgres.url, { max: 1, name: "bench" });
  let child: ChildProcess | undefined;
  try {
    const env = { PORT: "0", SHARDS: "1", DATA_DIR: join(folder, "data"), DATABASE_URL: postgres.url };
    const module = fileURLToPath(new URL("../gateway/process.ts", import.meta.url));
    ({ child } = startChild("gateway", module, folder, { env, host: "none" } satisfies Setting));
    const running = await firstMessage<Running>(child);
    const created = await request(new URL("/api/instances", running.url), {
      method: "POST",
      headers: { "x-api-key": running.apiKey ?? "", "content-type": "application/json" },
      body: JSON.stringify({ name: "history" }),
    });
    const { id } = (await created.body.json()) as { id: string };
    for (const size of Object.keys(chats) as Size[]) {
      progress(`history: writing ${sizes[size]} messages`);
      await fill(db, id, size, sizes);
    }
    await db.sql`vacuum analyze messages, message_days`;
    progress(`history: reading ${pages} pages of each kind and chat`);
    const found = await measure(running, id, sizes, pages);
    for (const kind of Object.keys(kinds)) {
      const of = (size: Size) => percentile(found.get(`${kind} ${size}`) ?? [], 0.5);
      keep({ name: `history, ${kind}, of ${sizes.small}, p50`, unit: "ms", value: of("small") });
      keep({ name: `history, ${kind}, of ${sizes.large}, p50`, unit: "ms", value: of("large") });
      keep({ name: "— large / small", unit: "", value: of("large") / of("small") });
    }
  } finally {
    if (child) await endChild(child);
    await db.close();
    await postgres.stop();
  }
};
