import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { proto } from "@whiskeysockets/baileys";
import { afterAll, describe, expect, test } from "vitest";
import type { HistoryCursor } from "../../../core/history/history.sql.ts";
import { completionOf, type HistoryState, silenceMs } from "../../../core/history/index.ts";
import { fetchHistory } from "../../../session-host/history/blob.ts";
import { readMessages, readOutline, start } from "../../../session-host/history/decode.ts";
import { HistoryDecoder } from "../../../session-host/history/decoder.ts";
import { historyPartOf, isEmptyHistory, withoutHistory } from "../../../session-host/inbound/history.ts";
import { randomOf } from "../../support/random.ts";

const folder = mkdtempSync(join(tmpdir(), "switchboard-history-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, "history");

const message = (id: string, text = id, fromMe = false) => ({
  message: {
    key: { remoteJid: "1@lid", id, fromMe },
    message: { conversation: text },
    messageTimestamp: 1_700_000_000,
    ...(fromMe && { userReceipt: [{ userJid: "49170@s.whatsapp.net" }] }),
  },
});

function write(history: proto.IHistorySync): Uint8Array {
  const bytes = proto.HistorySync.encode(history).finish();
  writeFileSync(path, bytes);
  return bytes;
}

const { RECENT } = proto.HistorySync.HistorySyncType;
const chats = (counts: number[]) =>
  counts.map((count, chat) => ({
    id: `${chat}@lid`,
    unreadCount: 2,
    name: `Chat ${chat}`,
    messages: Array.from({ length: count }, (_, index) => message(`${chat}-${index}`, "text", index % 3 === 1)),
  }));

/** Reads all slices, each from the position that the slice before it returned. */
function readAll() {
  const messages = [];
  const positions: HistoryCursor[] = [];
  for (let from: HistoryCursor | null = start; from; ) {
    // The position survives a restart as JSON.
    const slice: ReturnType<typeof readMessages> = readMessages(path, JSON.parse(JSON.stringify(from)));
    messages.push(...slice.messages);
    if (slice.next) positions.push(slice.next);
    from = slice.next;
  }
  return { messages, positions };
}

const idOf = ({ info }: { info: string }) => proto.WebMessageInfo.decode(Buffer.from(info, "base64")).key?.id;

describe("a part of the history", () => {
  test("is read in slices of at most 100 messages, each message once and in order", () => {
    write({ syncType: RECENT, conversations: chats([250, 0, 30, 101]) });
    const { messages, positions } = readAll();
    expect(messages.map(idOf)).toEqual(
      [250, 0, 30, 101].flatMap((count, chat) => Array.from({ length: count }, (_, index) => `${chat}-${index}`)),
    );
    expect(positions).toHaveLength(3);
    // The first two received messages of each chat are unread.
    expect(messages.filter(({ unread }) => unread).map(idOf)).toEqual(
      [0, 2, 3].flatMap((chat) => [`${chat}-0`, `${chat}-2`]),
    );
  });

  test("leaves out messages that are too large, and chats without a JID", () => {
    const large = { id: "1@lid", messages: [message("a"), message("b", "x".repeat(600_000)), message("c")] };
    write({ syncType: RECENT, conversations: [large, { id: "", messages: [message("d")] }] });
    expect(readAll().messages.map(idOf)).toEqual(["a", "c"]);
  });

  test("has an outline with names, numbers of LIDs and tokens, but without the text of messages", () => {
    const [chat] = chats([200]);
    const conversations = [{ ...chat, id: "1@lid", tcToken: Buffer.from("token"), tcTokenTimestamp: 5 }];
    const phoneNumberToLidMappings = [{ pnJid: "49171@s.whatsapp.net", lidJid: "2@lid" }];
    write({
      syncType: RECENT,
      conversations,
      pushnames: [{ id: "3@lid", pushname: "Carol" }],
      phoneNumberToLidMappings,
    });
    const { history, next } = readOutline(path, 0);
    const outline = proto.HistorySync.decode(Buffer.concat([Buffer.from([8, RECENT]), Buffer.from(history, "base64")]));
    expect(next).toBeNull();
    expect(outline.conversations).toMatchObject([{ id: "1@lid", name: "Chat 0", tcToken: Buffer.from("token") }]);
    expect(outline.conversations[0]?.messages).toMatchObject([
      { message: { key: { fromMe: true }, userReceipt: [{ userJid: "49170@s.whatsapp.net" }] } },
    ]);
    expect(outline.pushnames).toMatchObject([{ id: "3@lid", pushname: "Carol" }]);
    expect(outline.phoneNumberToLidMappings).toMatchObject(phoneNumberToLidMappings);
    expect(history.length).toBeLessThan(1_000);
  });

  test("is read without an unexpected error, whatever bytes it has", () => {
    const bytes = Buffer.from(write({ syncType: RECENT, conversations: chats([20, 20]) }));
    const random = randomOf(7);
    for (let round = 0; round < 300; round++) {
      const damaged = Buffer.from(bytes);
      for (let hit = 0; hit < 3; hit++) damaged[Math.floor(random() * damaged.length)] = Math.floor(random() * 256);
      writeFileSync(path, damaged.subarray(0, Math.ceil(random() * damaged.length)));
      for (const read of [() => readAll(), () => readOutline(path, 0)]) {
        try {
          read();
        } catch (error) {
          expect(error).toMatchObject({ name: "MalformedHistory" });
        }
      }
    }
  });

  test("is refused if it is damaged or decompresses to too much", async () => {
    const connection = { mediaHosts: undefined as never };
    const inline = (payload: Uint8Array) =>
      proto.Message.HistorySyncNotification.encode({ initialHistBootstrapInlinePayload: payload }).finish();
    const fetched = (payload: Uint8Array) => fetchHistory(inline(payload), connection, folder, 1_000_000);
    await expect(fetched(deflateSync(Buffer.alloc(1_000_000)))).resolves.toBe(path);
    await expect(fetched(deflateSync(Buffer.alloc(1_000_001)))).rejects.toThrow("larger than 1000000 bytes");
    await expect(fetched(Buffer.from("no zlib"))).rejects.toThrow("can't be decompressed");
    await expect(fetchHistory(inline(Buffer.alloc(0)), connection, folder)).rejects.toThrow("names no file");
  });
});

describe("a notification of the history", () => {
  const { INITIAL_BOOTSTRAP, FULL, PUSH_NAME, NON_BLOCKING_DATA } = proto.Message.HistorySyncType;

  test.each([
    ["none", INITIAL_BOOTSTRAP, { phase: "initial", withMessages: false }],
    ["recent", proto.Message.HistorySyncType.RECENT, { phase: "recent", withMessages: true }],
    ["recent", FULL, undefined],
    ["full", FULL, { phase: "full", withMessages: true }],
    ["none", PUSH_NAME, { phase: "names", withMessages: false }],
    ["full", NON_BLOCKING_DATA, { phase: "other", withMessages: true }],
  ] as const)(
    "with the setting %s and the type %i is a part of the history, or is not",
    (setting, syncType, expected) => {
      const part = historyPartOf({ syncType, progress: 300, chunkOrder: -1 }, "ID", setting);
      if (expected) expect(part).toMatchObject({ waId: "ID", percent: 100, chunk: 0, ...expected });
      else expect(part).toBeUndefined();
    },
  );

  test("reaches Baileys with an empty history", () => {
    const notification = { syncType: FULL, directPath: "/x", mediaKey: Buffer.alloc(32), progress: 7 };
    const plain = Buffer.concat([
      proto.Message.encode({ protocolMessage: { type: 5, historySyncNotification: notification } }).finish(),
      Buffer.from([1]),
    ]);
    const given = withoutHistory(plain);
    const { protocolMessage } = proto.Message.decode(given.subarray(0, given.length - (given.at(-1) ?? 0)));
    expect(protocolMessage?.historySyncNotification).toMatchObject({ syncType: FULL, progress: 7 });
    expect(protocolMessage?.historySyncNotification?.directPath).toBeFalsy();
    expect(isEmptyHistory(protocolMessage?.historySyncNotification ?? {})).toBe(true);
    expect(isEmptyHistory(notification)).toBe(false);
    expect(isEmptyHistory({ initialHistBootstrapInlinePayload: deflateSync(Buffer.alloc(9)) })).toBe(false);
    const text = Buffer.concat([proto.Message.encode({ conversation: "hi" }).finish(), Buffer.from([1])]);
    expect(withoutHistory(text)).toBe(text);
    expect(withoutHistory(Buffer.from([255, 255]))).toEqual(Buffer.from([255, 255]));
  });
});

test("the history is complete after its last part, or when the phone sends nothing for two minutes", () => {
  const newestAt = new Date("2026-01-01T12:00:00Z");
  const now = new Date(newestAt.getTime() + 20_000);
  const totals = { messages: 0, chats: 0, contacts: 0, failedParts: 0 };
  const state: HistoryState = { setting: "recent", completed: false, waiting: 0, sentAll: false, newestAt, totals };
  expect(completionOf(state, now)).toBe(silenceMs - 20_000);
  expect(completionOf(state, new Date(newestAt.getTime() + silenceMs))).toBe("paused");
  expect(completionOf({ ...state, sentAll: true }, now)).toBe("finished");
  expect(completionOf({ ...state, sentAll: true, waiting: 1 }, now)).toBeUndefined();
  expect(completionOf({ ...state, sentAll: true, completed: true }, now)).toBeUndefined();
  expect(completionOf({ ...state, newestAt: null }, now)).toBeUndefined();
});

test("a host fetches and imports at most two parts of the history at once, and one for each user", async () => {
  const decoder = new HistoryDecoder();
  const running: string[] = [];
  const most = { all: 0, ofUser: 0 };
  const work = async (userId: string) => {
    running.push(userId);
    most.all = Math.max(most.all, running.length);
    most.ofUser = Math.max(most.ofUser, running.filter((one) => one === userId).length);
    await new Promise((resolve) => setImmediate(resolve));
    running.splice(running.indexOf(userId), 1);
  };
  // Five users link an instance each, whose phones send five parts at once.
  const parts = Array.from({ length: 25 }, (_, index) => `user ${index % 5}`);
  await Promise.all(parts.map((userId) => decoder.inTurn({ userId, instanceId: userId }, () => work(userId))));
  expect(most).toEqual({ all: 2, ofUser: 1 });
});
