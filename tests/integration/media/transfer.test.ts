import { createHash } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MediaRetry, MessageMedia } from "../../../core/message/message.sql.ts";
import { openStorage, type Storage } from "../../../core/storage/index.ts";
import { retryPausesMs } from "../../../session-host/media/retry.ts";
import type { Phone } from "../../../simulator/index.ts";
import type { SentMessage } from "../../../simulator/phone/mailbox/sent.ts";
import { uploadLate } from "../../../simulator/phone/media-retry.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { type LinkedInstance, linkBothDialects } from "../../support/gateway/linked-gateway.ts";
import { dialects, type RestClient } from "../../support/gateway/rest-client.ts";
import { type Dialect, startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { png } from "../../support/media/png.ts";
import { type FileServer, startFileServer } from "../../support/network/file-server.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let storage: Storage;
let files: FileServer;
let bob: Phone;
let sides: Record<Dialect, LinkedInstance>;
const picture = png();
const large = png(1200);

beforeAll(async () => {
  gate = await startTestGateway();
  storage = openStorage(gate.gateway.config);
  files = await startFileServer({
    "/picture.png": { body: picture, type: "image/png" },
    "/large.png": { body: large, type: "image/png" },
    "/invoice.pdf": { body: picture, type: "application/pdf" },
    "/photo.jpg": { body: Buffer.from("%PDF-1.7\n%âãÏÓ\n"), type: "image/jpeg" },
    "/page.png": { body: Buffer.from("<html>no picture</html>"), type: "image/png" },
    "/empty.png": { type: "image/png" },
    "/moved.png": { status: 302, location: "/picture.png" },
    "/inward.png": { status: 302, location: "http://169.254.169.254/latest/meta-data/" },
    "/broken.png": { status: 500, body: picture, type: "image/png" },
  });
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  sides = await linkBothDialects(gate);
});
afterAll(async () => {
  storage.client.destroy();
  await files.stop();
  await gate?.stop();
});

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

/** Waits until the message's media is in this state, and returns it. */
function mediaOf(id: string, state: MessageMedia["state"]): Promise<MessageMedia> {
  return until(async () => {
    const [row] = await gate.db.sql<{ media: MessageMedia | null }[]>`select media from messages where wa_id = ${id}`;
    return row?.media?.state === state ? row.media : undefined;
  });
}

async function stored(key: string): Promise<{ bytes: Buffer; contentType: string }> {
  const { body, contentType } = await storage.get(key);
  return { bytes: await buffer(body), contentType };
}

function eventOf(type: string, id: string) {
  return until(async () => {
    const [row] = await gate.db.sql<{ data: Record<string, unknown> }[]>`
      select data from events where type = ${type} and data->>'messageId' = ${id}`;
    return row?.data;
  });
}

/** Returns the data of the webhook that reports about the file of a message. */
async function fileWebhook(client: RestClient, what: "stored" | "failed", id: string) {
  const { body } = await gate.receiver.waitFor(
    ({ body: { event, data } }) =>
      [`media_${what}`, `media.${what}`].includes(event) &&
      data.instanceId === client.instance &&
      data.messageId === id,
  );
  return body.data;
}

/** The path of the file of a message on the media host. */
const pathOf = ({ message }: SentMessage) => message.imageMessage?.directPath?.split("?")[0] ?? "";

async function expectFile(url: string, bytes: Buffer): Promise<void> {
  // On a busy machine, the file may take longer than the link waits.
  const answer = await until(async () => {
    const response = await fetch(url);
    return response.status === 409 ? undefined : response;
  }, 60_000);
  expect(answer.status).toBe(200);
  expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
}

describe.each(dialects)("in the %s dialect", (dialect) => {
  let owner: Phone;
  let client: RestClient;
  beforeAll(() => {
    ({ owner, client } = sides[dialect]);
  });

  test.each([
    ["a small picture", "/picture.png", picture],
    ["a picture of some megabytes", "/large.png", large],
    ["a picture behind a redirect", "/moved.png", picture],
  ])("%s arrives at the phone and in storage with the same bytes", async (_name, path, bytes) => {
    const id = await client.sendImage(bob.number, files.url(path), "풍경 🌄");
    const arrived = await bob.waitFor((message) => message.id === id);
    expect(arrived).toMatchObject({ kind: "image", text: "풍경 🌄", media: { mimetype: "image/png" }, copies: 1 });
    expect(bob.download(arrived).equals(bytes)).toBe(true);
    const media = await mediaOf(id, "stored");
    expect(media).toMatchObject({ mimetype: "image/png", size: bytes.length, sha256: sha256(bytes), source: null });
    const kept = await stored(media.storageKey);
    expect(kept.bytes.equals(bytes)).toBe(true);
    expect(kept.contentType).toBe("image/png");
    expect(await client.inHistory(bob.number, id, "delivered")).toMatchObject({
      hasMedia: true,
      type: "image",
      body: "풍경 🌄",
    });
    const { data } = (await client.reported("sent", id)).body;
    expect(data.media).toMatchObject({ mimetype: "image/png", size: bytes.length, sha256: sha256(bytes) });
    expect(data.media).not.toHaveProperty("storageKey");
  });

  test("a received picture is stored with the same bytes, and its link works as soon as the webhook arrives", async () => {
    // The first download fails at each host, so that the file is fetched later than the webhook.
    gate.wa.media.faults.download.add(500, 2);
    const { id } = await bob.sendImage(owner.number, large, { caption: "Смотри", mimetype: "image/png" });
    const { data } = (await client.reported("received", id)).body;
    await expectFile(data.media.url, large);
    expect(data.media).toMatchObject({ mimetype: "image/png", size: large.length, sha256: sha256(large) });
    if (dialect === "multi-instance")
      expect(data).toMatchObject({ hasMedia: true, type: "imageMessage", body: "Смотри" });
    else expect(data.message.imageMessage).toMatchObject({ caption: "Смотри", mimetype: "image/png" });
    const media = await mediaOf(id, "stored");
    expect((await stored(media.storageKey)).bytes.equals(large)).toBe(true);
    expect(media).toMatchObject({ source: null, error: null });
    expect(await client.inHistory(bob.number, id, "received")).toMatchObject({
      hasMedia: true,
      type: "image",
      body: "Смотри",
    });
    expect(await eventOf("media.stored", id)).toMatchObject({
      chatId: bob.jid,
      media: { storageKey: media.storageKey },
    });
    const told = await fileWebhook(client, "stored", id);
    expect(told).toMatchObject({ chatId: bob.jid, isGroup: false, fromMe: false, media: { size: large.length } });
    expect(told.media).toMatchObject({ mimetype: "image/png", sha256: sha256(large) });
    expect(Date.parse(told.media.urlExpiresAt)).toBeGreaterThan(Date.now() + 6 * 24 * 60 * 60 * 1000);
    await expectFile(told.media.url, large);
    expect(await rowInHistory(id)).toMatchObject({ media: { state: "stored", size: large.length, error: null } });
  });

  test("a file that is gone from the media host is fetched after the phone has uploaded it again", async () => {
    const chat = bob.createGroup("Gone files", [owner.number]).jid;
    for (const to of [owner.number, chat]) {
      const bytes = png();
      // The downloads fail until the file is deleted, so that only the new path works.
      gate.wa.media.faults.download.add(404, 2);
      const sent = await bob.sendImage(to, bytes, { mimetype: "image/png" });
      await owner.waitFor((message) => message.id === sent.id);
      gate.wa.media.files.delete(pathOf(sent));
      const { data } = (await client.reported("received", sent.id)).body;
      await expectFile(data.media.url, bytes);
      expect(await fileWebhook(client, "stored", sent.id)).toMatchObject({ media: { sha256: sha256(bytes) } });
    }
  });

  test("a file that the phone uploads after it was reported as lost is fetched", async () => {
    const bytes = png();
    const { id } = await bob.sendImage(owner.number, bytes, { mimetype: "image/png" });
    const media = await mediaOf(id, "stored");
    const shown = await owner.waitFor((message) => message.id === id);
    const mediaKey = Buffer.from(shown.media?.mediaKey ?? []).toString("base64");
    const lost = {
      ...media,
      state: "failed",
      error: "gone",
      source: { directPath: "/v/x.enc", mediaKey, kind: "image" },
    };
    await gate.db.sql`
      update messages set media = ${JSON.stringify(lost)}::text::jsonb where instance_id = ${client.instance} and wa_id = ${id}`;
    await storage.remove(media.storageKey);
    uploadLate(owner, shown, gate.wa.device(owner.number));
    await mediaOf(id, "stored");
    expect((await stored(media.storageKey)).bytes.equals(bytes)).toBe(true);
  });

  test("a lost file is reported, its link says so, and other files don't wait for it", async () => {
    owner.mediaRetry = "refuse";
    gate.wa.media.faults.download.add(404, 2);
    const { id } = await bob.sendImage(owner.number, png());
    const link = fetch((await client.reported("received", id)).body.data.media.url);
    const told = await fileWebhook(client, "failed", id);
    expect(told).toMatchObject({ chatId: bob.jid, fromMe: false, error: { code: "media_lost" } });
    expect(told.error.details).toMatch(/the phone does not have the file any more/);
    owner.mediaRetry = "upload";
    const answer = await link;
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([410, "media_lost"]);
    expect(await rowInHistory(id)).toMatchObject({ media: { state: "failed", error: told.error.details } });
  });

  test("nobody can invent or extend a link to a file", async () => {
    const { id } = await bob.sendImage(owner.number, picture);
    const { url } = (await client.reported("received", id)).body.data.media;
    for (const forged of [
      url.slice(0, -4),
      url.replace("/files/", "/files/x"),
      url.replace(/token=.*/, "token=AAAA"),
    ]) {
      const answer = await fetch(forged);
      expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([403, "forbidden"]);
    }
    await mediaOf(id, "stored");
  });

  /** Returns the message in the history of the dialect, with all its fields. */
  async function rowInHistory(id: string): Promise<Record<string, unknown> | undefined> {
    const path =
      dialect === "gateway"
        ? `/api/message/chat/${client.instance}/${bob.jid}`
        : `/api/instances/${client.instance}/chats/${bob.jid}/messages`;
    const { body } = await gate.api("GET", path);
    const rows: Record<string, unknown>[] = dialect === "gateway" ? body.data : body.messages;
    return rows.find((row) => row.messageId === id);
  }

  test("a file that is not an image is never sent as an image, whatever its name and content type", async () => {
    for (const path of ["/photo.jpg", "/page.png"]) {
      const id = await client.sendImage(bob.number, files.url(path));
      if (dialect === "gateway") {
        expect((await client.reported("failed", id)).body.data.error.code).toBe("media_not_usable");
        continue;
      }
      // This dialect does not name a type, so the content decides.
      const arrived = await bob.waitFor((message) => message.id === id);
      expect(arrived.kind).toBe("document");
      expect(arrived.media?.mimetype).not.toMatch(/^image/);
    }
  });

  test("a picture is sent as an image, whatever its name and content type", async () => {
    const id = await client.sendImage(bob.number, files.url("/invoice.pdf"));
    const arrived = await bob.waitFor((message) => message.id === id);
    expect(arrived).toMatchObject({ kind: "image", media: { mimetype: "image/png" } });
    expect(await client.inHistory(bob.number, id, "delivered")).toMatchObject({ type: "image" });
  });

  test.each(["/missing.png", "/empty.png", "/broken.png"])(
    "a message whose file cannot be downloaded fails with the reason and does not block the next message: %s",
    async (path) => {
      const lost = await client.sendImage(bob.number, files.url(path));
      const next = await client.sendText(bob.number, `after ${path}`);
      await bob.waitFor((message) => message.id === next);
      const { error } = (await client.reported("failed", lost)).body.data;
      expect(error).toEqual({ code: "media_not_usable", details: expect.stringMatching(/status (404|500)|empty/) });
      expect(await client.inHistory(bob.number, lost, "failed")).toMatchObject({ fromMe: true });
    },
  );

  test("a message fails with the reason if the file server is unreachable", async () => {
    const lost = await client.sendImage(bob.number, "http://127.0.0.1:1024/x.png");
    expect((await client.reported("failed", lost)).body.data.error.code).toBe("media_not_usable");
  });

  test.each([
    "http://10.0.0.1/x.png",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::1]/x.png",
    "http://[::ffff:10.0.0.1]/x.png",
    "http://0xA.0.0.1/x.png",
    "http://user:password@127.0.0.1/x.png",
    "http://127.0.0.1:25/x.png",
  ])("rejects a URL that EGRESS_ALLOW does not permit: %s", async (url) => {
    const refusal = await client.sendImage(bob.number, url).then(
      async (id) => (await client.reported("failed", id)).body.data.error.code,
      (error: Error) => error.message,
    );
    expect(refusal).toContain("url_not_allowed");
  });

  test("a message fails if its URL redirects to a forbidden address", async () => {
    const lost = await client.sendImage(bob.number, files.url("/inward.png"));
    expect((await client.reported("failed", lost)).body.data.error.code).toBe("url_not_allowed");
    expect(files.requested).toContain("/inward.png");
  });

  test("an upload and a download are retried after one error of the media host", async () => {
    gate.wa.media.faults.upload.add(500);
    const id = await client.sendImage(bob.number, files.url("/picture.png"));
    const arrived = await bob.waitFor((message) => message.id === id);
    expect(bob.download(arrived).equals(picture)).toBe(true);
    gate.wa.media.faults.download.add(500);
    const sent = await bob.sendImage(owner.number, picture, { mimetype: "image/png" });
    expect((await stored((await mediaOf(sent.id, "stored")).storageKey)).bytes.equals(picture)).toBe(true);
  });
});

describe("a received file that is missing or damaged", () => {
  let owner: Phone;
  let client: RestClient;
  beforeAll(() => {
    ({ owner, client } = sides["multi-instance"]);
  });

  test.each([503, "cut"] as const)(
    "a file is fetched from the fallback host if the primary host fails: %s",
    async (fault) => {
      const [primary] = gate.wa.media.hosts;
      const bytes = png();
      primary.fault = fault;
      const { id } = await bob.sendImage(owner.number, bytes);
      const media = await mediaOf(id, "stored");
      primary.fault = undefined;
      expect((await stored(media.storageKey)).bytes.equals(bytes)).toBe(true);
      expect(media).not.toHaveProperty("retry");
    },
  );

  const longAgo = "2020-01-01T00:00:00.000Z";
  const never = "2100-01-01T00:00:00.000Z";

  const retryOf = (id: string, holds = (_retry: MediaRetry) => true) =>
    until(async () => {
      const { retry } = await mediaOf(id, "pending");
      return retry && holds(retry) ? retry : undefined;
    });

  const setRetry = (id: string, retry: Partial<MediaRetry>) =>
    gate.db.sql<{ id: string }[]>`
      update messages set media = jsonb_set(media, '{retry}', media->'retry' || ${JSON.stringify(retry)}::text::jsonb)
      where instance_id = ${client.instance} and wa_id = ${id}
        and (media->'retry'->>'nextTryAt')::timestamptz > clock_timestamp() returning id`;

  /** Sends a picture that no media host delivers, waits until a try has failed, and prevents the next tries. */
  async function waitingFile(bytes: Buffer, fault: number, tries: number): Promise<string> {
    for (const host of gate.wa.media.hosts) host.fault = fault;
    const { id } = await bob.sendImage(owner.number, bytes);
    await until(async () => (await setRetry(id, { tries, triedAt: longAgo, nextTryAt: never }))[0]);
    return id;
  }

  const outcomesOf = async (id: string) => {
    const rows = await gate.db.sql<{ type: string }[]>`
      select type from events where data->>'messageId' = ${id} and type in ('media.stored', 'media.failed')`;
    return rows.map(({ type }) => type);
  };
  const requestFile = (id: string) =>
    gate.api("GET", `/api/instances/${client.instance}/messages/${id}/media?format=json`);

  test("a file that no media host delivers waits across a restart, and is tried when a caller requests it", async () => {
    const bytes = png();
    const id = await waitingFile(bytes, 429, 7);
    expect((await requestFile(id)).body).toMatchObject({ status: 409, code: "media_not_ready" });
    // A try on request does not count.
    expect(await retryOf(id, ({ triedAt }) => triedAt !== longAgo)).toMatchObject({ tries: 7, nextTryAt: never });
    // Requests shortly after a try cause no further try.
    await setRetry(id, { triedAt: never });
    expect((await requestFile(id)).body).toMatchObject({ code: "media_not_ready" });
    expect(await retryOf(id)).toEqual({ tries: 7, triedAt: never, nextTryAt: never });
    await gate.restart();
    await gate.status(client.instance, "connected");
    for (const host of gate.wa.media.hosts) host.fault = undefined;
    await setRetry(id, { triedAt: longAgo });
    expect((await requestFile(id)).body).toMatchObject({ code: "media_not_ready" });
    expect((await stored((await mediaOf(id, "stored")).storageKey)).bytes.equals(bytes)).toBe(true);
    expect(await outcomesOf(id)).toEqual(["media.stored"]);
  });

  test("a file is tried again when its time has come, and is reported as failed once, after the last try", async () => {
    const id = await waitingFile(png(), 502, retryPausesMs.length - 1);
    const due = () => setRetry(id, { nextTryAt: longAgo });
    await due();
    await retryOf(id, ({ tries }) => tries === retryPausesMs.length);
    expect(await outcomesOf(id)).toEqual([]);
    await due();
    const media = await mediaOf(id, "failed");
    for (const host of gate.wa.media.hosts) host.fault = undefined;
    expect(media.error).toContain("502");
    expect(media).not.toHaveProperty("retry");
    await fileWebhook(client, "failed", id);
    expect(await outcomesOf(id)).toEqual(["media.failed"]);
    expect((await requestFile(id)).body).toMatchObject({ status: 410, code: "media_lost" });
  });

  test("a file is removed if its message is deleted while the file is fetched", async () => {
    const id = await waitingFile(png(), 502, 0);
    const { storageKey } = await mediaOf(id, "pending");
    // The message must be locked before the file is due, so that its deletion ends after the file is stored.
    await until(async () => {
      await setRetry(id, { nextTryAt: new Date(Date.now() + 2_000).toISOString() });
      return await gate.db.sql.begin(async (sql) => {
        const [early] = await sql`
          select id from messages where instance_id = ${client.instance} and wa_id = ${id}
            and (media->'retry'->>'nextTryAt')::timestamptz > clock_timestamp() for update`;
        if (!early) return undefined;
        for (const host of gate.wa.media.hosts) host.fault = undefined;
        await until(() => storage.head(storageKey));
        await sql`delete from messages where id = ${early.id}`;
        return true;
      });
    });
    await until(async () => ((await storage.head(storageKey)) ? undefined : true));
    expect(await outcomesOf(id)).toEqual([]);
  });

  test("a missing file is marked as failed and not stored, and the event of its message is still sent", async () => {
    owner.mediaRetry = "refuse";
    // The number of media hosts.
    gate.wa.media.faults.download.add(404, 2);
    const gone = await bob.sendImage(owner.number, png());
    await client.reported("received", gone.id);
    const media = await mediaOf(gone.id, "failed");
    expect(media.error).toBeTruthy();
    expect(media.source).toBeNull();
    owner.mediaRetry = "upload";
    expect(await eventOf("media.failed", gone.id)).toMatchObject({ chatId: bob.jid, error: media.error });
    await expect(storage.get(media.storageKey)).rejects.toThrow();
    expect(await client.inHistory(bob.number, gone.id, "received")).toMatchObject({ hasMedia: true });
  });

  test("a damaged file is detected by its hash", async () => {
    const { put } = gate.wa.media;
    gate.wa.media.put = (kind, ciphertext) => {
      const damaged = Buffer.from(ciphertext);
      damaged[40] = (damaged[40] ?? 0) ^ 1;
      return put.call(gate.wa.media, kind, damaged);
    };
    const damaged = await bob.sendImage(owner.number, png());
    gate.wa.media.put = put;
    const media = await mediaOf(damaged.id, "failed");
    expect(media.error).toContain("damaged");
    await expect(storage.get(media.storageKey)).rejects.toThrow();
    const whole = await bob.sendImage(owner.number, picture);
    expect((await stored((await mediaOf(whole.id, "stored")).storageKey)).bytes.equals(picture)).toBe(true);
  });

  test.each([
    ["line breaks", "image/png\r\nx-amz-acl: public-read"],
    ["letters that are not allowed in a header", "그림/사진 🌄"],
    ["a NUL", "image/\u0000png"],
    ["20,000 characters", `image/${"x".repeat(20_000)}`],
    ["nothing", ""],
  ])(
    "a file is stored although its sender states a MIME type with %s",
    async (_name, mimetype) => {
      const bytes = png();
      const { id } = await bob.sendImage(owner.number, bytes, { mimetype });
      await client.reported("received", id);
      const media = await mediaOf(id, "stored");
      expect((await stored(media.storageKey)).bytes.equals(bytes)).toBe(true);
      const next = await bob.sendImage(owner.number, picture, { mimetype: "image/png" });
      await mediaOf(next.id, "stored");
    },
    30_000,
  );

  test("a file is downloaded only from WhatsApp's media host", async () => {
    const sent = await bob.sendImage(owner.number, png());
    const image = sent.message.imageMessage;
    await mediaOf(sent.id, "stored");
    const before = files.requested.length;
    for (const directPath of [`@127.0.0.1:${new URL(files.url("/")).port}/picture.png`, ".example.com/x", ""]) {
      const odd = await bob.sendMessage(
        owner.number,
        { imageMessage: { ...image, directPath, url: files.url("/picture.png") } },
        { type: "media" },
      );
      expect((await mediaOf(odd.id, "failed")).error).toContain("no file on WhatsApp's media host");
    }
    expect(files.requested.length).toBe(before);
  });
});

describe("a message with the id of an existing one", () => {
  const storedOf = (id: string, sender: string) =>
    until(async () => {
      const [row] = await gate.db.sql<{ media: MessageMedia }[]>`
        select media from messages where wa_id = ${id} and sender_id = ${sender}`;
      return row?.media.state === "stored" ? (await stored(row.media.storageKey)).bytes : undefined;
    });

  test("a repeated message id does not replace the file of another sender", async () => {
    const { owner } = sides["multi-instance"];
    const carol = await gate.wa.addPhone({ number: "4915550000003", pushName: "Carol" });
    const group = bob.createGroup("Pictures", [owner.number, carol.number]);
    const [first, second] = [png(), png()];
    const id = "3EB0AAAAAAAAAAAAAAAA01";
    await bob.sendImage(group.jid, first, { id });
    expect((await storedOf(id, bob.jid)).equals(first)).toBe(true);
    await carol.sendImage(group.jid, second, { id });
    expect((await storedOf(id, carol.jid)).equals(second)).toBe(true);
    expect((await storedOf(id, bob.jid)).equals(first)).toBe(true);
  });

  test("a repeated message id does not replace the file of a sent message", async () => {
    const { owner, client } = sides["multi-instance"];
    const id = await client.sendImage(bob.number, files.url("/picture.png"));
    await client.reported("sent", id);
    expect((await storedOf(id, "")).equals(picture)).toBe(true);
    const other = png();
    await bob.sendImage(owner.number, other, { id });
    expect((await storedOf(id, bob.jid)).equals(other)).toBe(true);
    expect((await storedOf(id, "")).equals(picture)).toBe(true);
  });
});

test("WhatsApp and the phones report no error, and no phone got a duplicate message", () => {
  expectNoComplaints(gate.wa);
  for (const phone of gate.wa.phones) {
    expect(phone.inbox.duplicates).toBe(0);
  }
});
