import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { startCall } from "../../../simulator/phone/owner/call.ts";
import { messagesOf } from "../../../simulator/phone/owner/chats.ts";
import { oggOpus } from "../../support/media/ogg-opus.ts";
import { until } from "../../support/until.ts";
import type { Account } from "../suite/world/accounts.ts";
import type { Rest } from "../suite/world/rest.ts";
import type { World } from "../suite/world/world.ts";

export interface JobScene {
  world: World;
  /** Sends requests to a process that is not killed. */
  rest: Rest;
  account: Account;
  /** A person who has sent one text to the account, for this run only. */
  person: Phone;
  /** The text of the person. */
  text: string;
  /** WhatsApp's id of the text. */
  textId: string;
}

/** Work that must go on after a restart, and must be done once. */
export interface Job {
  name: string;
  /** The sources of the job. The gateway is killed at their awaits. */
  files: RegExp;
  /** The settings of the instance. */
  settings?: Record<string, unknown>;
  /** Starts the job. Returns a function that waits for its end and checks the result. */
  start(scene: JobScene): Promise<() => Promise<void>>;
}

/** How long a job may take with a restart, on a busy machine. Milliseconds. */
const limitMs = 120_000;
export const answerText = "Please write instead";

const eventually = <Value>(ask: () => Promise<Value | undefined>): Promise<Value> => until(ask, limitMs);
const rowsOf = (world: World, run: Parameters<World["query"]>[0]) =>
  world.query(run) as Promise<Record<string, unknown>[]>;

/** Waits until a command has ended, and returns its status. */
const endOf = (world: World, name: string, since: string) =>
  eventually(async () => {
    const rows = await rowsOf(
      world,
      (sql) => sql`select status from commands where name = ${name} and created_at >= ${since}::text::timestamptz`,
    );
    const ends = rows.map(({ status }) => String(status));
    return ends.length > 0 && ends.every((one) => ["done", "failed", "canceled"].includes(one)) ? ends : undefined;
  });

async function now(world: World): Promise<string> {
  const [row] = await rowsOf(world, (sql) => sql`select clock_timestamp()::text as at`);
  return String(row?.at);
}

/** Waits for a job of the cron function, and returns the lines of its file. */
async function linesOf({ rest }: JobScene, path: string): Promise<string[]> {
  const job = await eventually(async () => {
    const { body } = await rest.repeat("GET", path);
    const { status, url } = body.data as { status: string; url: string | null };
    expect(["queued", "running", "done"]).toContain(status);
    return status === "done" && url ? { url } : undefined;
  });
  const file = await eventually(async () => {
    const response = await fetch(job.url).catch(() => undefined);
    return response?.ok ? await response.text() : undefined;
  });
  return file.split("\n").filter(Boolean);
}

async function sendOnce(scene: JobScene, path: string, body: Record<string, unknown>, text: string) {
  const { rest, account, person } = scene;
  const sent = await rest.repeat("POST", `/api/whatsapp/${account.id}/${path}`, {
    body: { phone: person.number, ...body },
    key: randomUUID(),
  });
  return async () => {
    const shown = await eventually(async () => {
      const found = person.inbox.messages.filter((one) => one.text === text);
      return found.length > 0 ? found : undefined;
    });
    await eventually(async () => {
      const [row] = await rowsOf(
        scene.world,
        (sql) => sql`select status from messages where wa_id = ${String(sent.body.id)} and from_me`,
      );
      return ["delivered", "read"].includes(String(row?.status)) || undefined;
    });
    expect(shown.map(({ id }) => id)).toEqual([sent.body.id]);
    return shown[0];
  };
}

/** Clears or deletes a chat. What arrives after the request stays. */
async function endChat(scene: JobScene, method: "POST" | "DELETE", path: string, name: string) {
  const { world, rest, account, person, text } = scene;
  const since = await now(world);
  // The caller doesn't wait for the result, which may take longer than a request.
  void rest.once(method, `/api/chats/${account.id}/${person.number}${path}`).catch(() => undefined);
  await eventually(
    async () =>
      (
        await rowsOf(
          world,
          (sql) => sql`select from commands where name = ${name} and created_at >= ${since}::text::timestamptz`,
        )
      )[0],
  );
  const later = await person.sendText(account.owner.number, `${text}, later`);
  return async () => {
    expect(await endOf(world, name, since)).toEqual(["done"]);
    const texts = await eventually(async () => {
      const { body } = await rest.repeat("GET", `/api/message/chat/${account.id}/${person.jid}`);
      const shown = (body.data as { body: string }[]).map((one) => one.body);
      return shown.includes(`${text}, later`) ? shown : undefined;
    });
    expect(texts).toEqual([`${text}, later`]);
    const onPhone = await eventually(async () => {
      const ids = messagesOf(account.owner, person.jid).map(({ id }) => id);
      return ids.includes(later.id) ? ids : undefined;
    });
    expect(onPhone).toEqual([later.id]);
  };
}

export const jobs: readonly Job[] = [
  {
    name: "a message is marked as read on its own",
    files: /^session-host\/(session\/auto-reader|session\/follow-up|ledger\/)/,
    settings: { autoRead: true },
    async start({ world, account, person }) {
      const sent = await person.sendText(account.owner.number, "read me");
      return async () => {
        await eventually(async () => sent.receipts.some(({ type }) => type === "read") || undefined);
        await eventually(async () => {
          const left = await rowsOf(world, (sql) => sql`select from auto_reads where instance_id = ${account.id}`);
          return left.length === 0 || undefined;
        });
      };
    },
  },
  {
    name: "a call is rejected, and its caller is answered once",
    files: /^session-host\/(session\/(call-rejecter|follow-up)|inbound\/calls|ledger\/)/,
    settings: { rejectCalls: { message: answerText } },
    async start({ world, account, person }) {
      const call = startCall(person, account.owner.number);
      return async () => {
        await eventually(async () => call.states.get(account.owner.account) === "rejected" || undefined);
        const types = await eventually(async () => {
          const rows = await rowsOf(
            world,
            (sql) =>
              sql`select type from events where instance_id = ${account.id} and data->>'callId' = ${call.id} order by seq`,
          );
          return rows.length > 1 ? rows.map(({ type }) => type) : undefined;
        });
        expect(types).toEqual(["call.received", "call.rejected"]);
        const answers = () => person.inbox.messages.filter(({ text }) => text === answerText);
        await eventually(async () => answers().length > 0 || undefined);
        expect(answers()).toHaveLength(1);
      };
    },
  },
  {
    name: "messages are exported",
    files: /^core\/message\/export\//,
    async start(scene) {
      const { rest, account, person, text } = scene;
      const path = `/api/message/exports/${account.id}`;
      const { body } = await rest.repeat("POST", path, { body: { chatId: person.jid } });
      const { id } = body.data as { id: string };
      return async () => {
        const lines = (await linesOf(scene, `${path}/${id}`)).map((line) => JSON.parse(line) as { body?: string });
        expect(lines.map((line) => line.body)).toEqual([text]);
      };
    },
  },
  {
    name: "everything about a person is exported",
    files: /^core\/(message\/export|privacy)\//,
    async start(scene) {
      const { rest, person, text } = scene;
      const path = "/api/privacy/exports";
      const { body } = await rest.repeat("POST", path, { body: { person: `+${person.number}` } });
      const { id } = body.data as { id: string };
      return async () => {
        const lines = (await linesOf(scene, `${path}/${id}`)).map((line) => JSON.parse(line) as { kind: string });
        const messages = lines.filter(({ kind }) => kind === "messages");
        expect(messages.map((line) => JSON.stringify(line).includes(text))).toEqual([true]);
      };
    },
  },
  {
    name: "everything about a person is erased",
    files: /^core\/privacy\//,
    async start({ world, rest, person, text }) {
      const path = "/api/privacy/erasures";
      const { body } = await rest.repeat("POST", path, { body: { person: `+${person.number}` } });
      const { id } = body.data as { id: string };
      return async () => {
        await eventually(async () => {
          const [row] = await rowsOf(world, (sql) => sql`select status from erasures where id = ${id}`);
          // The second pass begins after ten minutes.
          if (row?.status === "waiting")
            await rowsOf(world, (sql) => sql`update erasures set next_at = now() where id = ${id}`);
          return row?.status === "done" || undefined;
        });
        const left = await rowsOf(
          world,
          (sql) => sql`
            select body from messages where strpos(body, ${text}) > 0 or chat_id = ${person.jid}
            union all select data::text from events where strpos(data::text, ${text}) > 0`,
        );
        expect(left).toEqual([]);
      };
    },
  },
  {
    name: "a text with a preview of a page is sent",
    files: /^(session-host\/(executors\/(link|message)|media|command\/send)|core\/egress)/,
    async start(scene) {
      const message = `${scene.text}: ${scene.world.files.url("/page")}`;
      const check = await sendOnce(scene, "send", { message, linkPreview: true }, message);
      return async () => {
        const shown = await check();
        expect(shown?.message?.extendedTextMessage?.title).toBe("A page");
      };
    },
  },
  {
    name: "a file is fetched and sent",
    files: /^(session-host\/(executors\/media|media|command\/send)|core\/(storage|media))/,
    async start(scene) {
      const body = { url: scene.world.files.url("/picture.png"), caption: `${scene.text}, a file` };
      const check = await sendOnce(scene, "send-media", body, body.caption);
      return async () => void (await check());
    },
  },
  {
    name: "a conversion has an end, and another request for it succeeds",
    files: /^session-host\/(executors\/convert|media)/,
    async start({ world, rest, account }) {
      const since = await now(world);
      const convert = () => {
        const body = { base64: oggOpus(1).toString("base64") };
        return rest.once("POST", `/api/media/${account.id}/convert/voice`, body, randomUUID());
      };
      const first = convert().catch(() => undefined);
      return async () => {
        await first;
        expect(await endOf(world, "media.convertVoice", since)).toHaveLength(1);
        await eventually(async () => (await convert().catch(() => undefined))?.status === 200 || undefined);
      };
    },
  },
  {
    name: "a chat is cleared up to the request",
    files: /^(core\/chat|session-host\/(executors\/(chat|app-state)|app-state))/,
    start: (scene) => endChat(scene, "POST", "/clear", "chat.clear"),
  },
  {
    name: "a chat is deleted up to the request",
    files: /^(core\/chat|session-host\/(executors\/(chat|app-state)|app-state))/,
    start: (scene) => endChat(scene, "DELETE", "", "chat.delete"),
  },
];
