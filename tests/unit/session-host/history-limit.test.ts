import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import zlib, { deflateSync } from "node:zlib";
import { downloadHistory, proto } from "@whiskeysockets/baileys";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { readConfig } from "../../../core/config.ts";
import { isReadableHistory, limitHistories } from "../../../session-host/baileys/history-limit.ts";
import { prepareWhatsApp } from "../../../session-host/baileys/whatsapp.ts";
import { sealMedia } from "../../../simulator/wire/media.ts";

const limit = 8 * 1024 * 1024;
beforeEach(() => limitHistories(limit));
afterEach(() => {
  limitHistories();
  vi.unstubAllGlobals();
});

const history = (bytes: number) =>
  proto.HistorySync.encode({
    syncType: proto.HistorySync.HistorySyncType.PUSH_NAME,
    pushnames: [{ id: "1@s.whatsapp.net", pushname: "a".repeat(bytes) }],
  }).finish();

/** Lets Baileys download a history from a media host that has it. */
function download(plaintext: Uint8Array): Promise<proto.HistorySync> {
  const { ciphertext, ...reference } = sealMedia(deflateSync(plaintext), "history");
  vi.stubGlobal("fetch", async () => new Response(new Uint8Array(ciphertext)));
  return downloadHistory({ ...reference, directPath: "/history" }, {});
}

test("Baileys reads a history up to the limit", async () => {
  const { pushnames } = await download(history(limit - 1000));
  expect(pushnames[0]?.pushname).toHaveLength(limit - 1000);
});

test("Baileys stops decompressing a history at the limit", async () => {
  await expect(download(history(20 * limit))).rejects.toThrow(`the history is larger than ${limit} bytes`);
});

test("a host that starts limits histories to 128 MB", async () => {
  prepareWhatsApp(readConfig({}));
  const inflate = zlib.createInflate();
  const written = pipeline(Readable.from([zlib.deflateSync(Buffer.alloc(130 * 1024 * 1024))]), inflate.resume());
  await expect(written).rejects.toThrow("the history is larger than 134217728 bytes");
});

test("a history in its notification is ignored if it is damaged or decompresses to more than 16 MB", () => {
  const notice = (plaintext: Uint8Array) => ({ initialHistBootstrapInlinePayload: deflateSync(plaintext) });
  expect(isReadableHistory({})).toBe(true);
  expect(isReadableHistory(notice(history(1_000_000)))).toBe(true);
  expect(isReadableHistory(notice(history(17 * 1024 * 1024)))).toBe(false);
  expect(isReadableHistory({ initialHistBootstrapInlinePayload: Buffer.from("not compressed") })).toBe(false);
});
