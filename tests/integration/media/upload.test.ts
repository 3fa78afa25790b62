import { createHash, randomBytes } from "node:crypto";
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStorage, type Storage } from "../../../core/storage/index.ts";
import { throughApi } from "../../../core/storage/through-api.ts";
import type { Phone } from "../../../simulator/index.ts";
import { type RestClient, restClient } from "../../support/gateway/rest-client.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { Heartbeat } from "../../support/heartbeat.ts";
import { crowdedMp4, mp4 } from "../../support/media/mp4.ts";
import { oggOpus } from "../../support/media/ogg-opus.ts";
import { png } from "../../support/media/png.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let storage: Storage;
let owner: Phone;
let bob: Phone;
let client: RestClient;
let id: string;
const { PATH } = process.env;

beforeAll(async () => {
  gate = await startTestGateway();
  storage = openStorage(gate.gateway.config);
  owner = await gate.wa.addPhone({ number: "4915550000010", pushName: "Owner" });
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  id = await gate.linked(owner);
  client = restClient(gate, "multi-instance", id);
  // These tests run without ffmpeg. `tests/debian` has the tests with ffmpeg.
  process.env.PATH = "";
});
afterAll(async () => {
  if (PATH !== undefined) process.env.PATH = PATH;
  storage?.client.destroy();
  await gate?.stop();
});

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
const post = (path: string, body: unknown) => gate.api("POST", `/api/whatsapp/${id}/${path}`, { body });

async function upload(bytes: Buffer, asked: Record<string, unknown> = {}): Promise<string> {
  const ticket = await post("uploads", { size: bytes.length, ...asked });
  expect(ticket.status).toBe(201);
  const { url, method, headers } = ticket.body;
  const put = await fetch(url, { method, headers, body: new Uint8Array(bytes) });
  expect(put.status).toBe(200);
  return ticket.body.uploadId;
}

async function sendUpload(bytes: Buffer, more: Record<string, unknown> = {}): Promise<string> {
  const answer = await post("send-media", { phone: bob.number, uploadId: await upload(bytes), ...more });
  expect(answer).toMatchObject({ status: 200, body: { id: expect.any(String) } });
  return answer.body.id;
}

async function sendFile(
  parts: [string, string | File][],
  headers: Record<string, string> = {},
): Promise<{ status: number; body: { id: string; code: string; detail: string } }> {
  const form = new FormData();
  for (const [name, value] of parts) form.append(name, value);
  const answer = await fetch(`${gate.gateway.url}/api/whatsapp/${id}/send-file`, {
    method: "POST",
    headers: { "x-api-key": gate.gateway.firstAdmin?.apiKey.key ?? "", ...headers },
    body: form,
  });
  return { status: answer.status, body: (await answer.json()) as { id: string; code: string; detail: string } };
}
const fileOf = (bytes: Buffer, name: string, type = "") => new File([new Uint8Array(bytes)], name, { type });
const arrivedAt = (phone: Phone, messageId: string) => phone.waitFor((message) => message.id === messageId);
const failure = async (messageId: string) => (await client.reported("failed", messageId)).body.data.error;

describe("a file in a multipart request", () => {
  test("a file in the request arrives with the same bytes, its caption and its Unicode name", async () => {
    const bytes = randomBytes(100_000);
    const answer = await sendFile([
      ["phone", `+${bob.number}`],
      ["caption", "영수증"],
      ["filename", ""],
      ["file", fileOf(bytes, "../папка/отчёт 2026 🧾.bin")],
    ]);
    expect(answer.status).toBe(200);
    const arrived = await arrivedAt(bob, answer.body.id);
    expect(arrived).toMatchObject({ kind: "document", text: "영수증", media: { fileName: "отчёт 2026 🧾.bin" } });
    expect(bob.download(arrived).equals(bytes)).toBe(true);
    const kept = await gate.api("GET", `/api/instances/${id}/messages/${answer.body.id}/media?format=json`);
    expect(kept.body).toMatchObject({ size: bytes.length, sha256: sha256(bytes), filename: "отчёт 2026 🧾.bin" });
  });

  test("a file in the request is sent as its content's type, with a quote and mentions", async () => {
    const first = await client.sendText(bob.number, "which one?");
    await arrivedAt(bob, first);
    const answer = await sendFile([
      ["phone", bob.number],
      ["file", fileOf(png(16), "a.txt", "text/plain")],
      ["filename", "b.png"],
      ["quotedMessageId", first],
      ["mentions", `${bob.number}, ${owner.number}`],
    ]);
    const arrived = await arrivedAt(bob, answer.body.id);
    expect(arrived).toMatchObject({ kind: "image", media: { mimetype: "image/png" }, quotes: { id: first } });
    expect(arrived.mentions).toHaveLength(2);
  });

  test("requests with the same Idempotency-Key and file send one message, and a request with another file gets a conflict", async () => {
    const headers = { "idempotency-key": "once" };
    const parts = (bytes: Buffer): [string, string | File][] => [
      ["phone", bob.number],
      ["file", fileOf(bytes, "a.bin")],
    ];
    const bytes = randomBytes(2000);
    const [one, two] = [await sendFile(parts(bytes), headers), await sendFile(parts(bytes), headers)];
    expect(two).toEqual(one);
    expect(await arrivedAt(bob, one.body.id)).toMatchObject({ copies: 1 });
    expect((await sendFile(parts(randomBytes(2000)), headers)).body.code).toBe("idempotency_conflict");
  });

  test("a request is rejected unless it has exactly one nonempty file and valid fields", async () => {
    const good = fileOf(Buffer.from("x"), "a.txt");
    const phone: [string, string] = ["phone", bob.number];
    for (const parts of [
      [phone],
      [phone, ["file", good], ["file", good]],
      [phone, ["file", "text"]],
      [phone, ["file", fileOf(Buffer.alloc(0), "a.txt")]],
      [phone, ["file", good], ["filename", "a\u0007.txt"]],
      [phone, ["file", good], ["asVoice", "perhaps"]],
      [["file", good]],
      [phone, ["phone", bob.number], ["file", good]],
    ] as [string, string | File][][]) {
      expect(await sendFile(parts)).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    }
  });

  test("a file over the request limit gets 413, and the error names the upload endpoint", async () => {
    const answer = await sendFile([
      ["phone", bob.number],
      ["file", fileOf(Buffer.alloc(4_500_001), "a.bin")],
    ]);
    expect(answer).toMatchObject({ status: 413, body: { code: "payload_too_large" } });
    expect(answer.body.detail).toContain(`/api/whatsapp/${id}/uploads`);
  });
});

describe("a file that is uploaded before it is sent", () => {
  test("a large upload arrives unchanged at several recipients, and a large received file can be downloaded", async () => {
    const bytes = randomBytes(8_000_000);
    const uploadId = await upload(bytes, { filename: "сад.bin", contentType: "application/zip" });
    for (const phone of [bob, owner]) {
      const { body } = await post("send-media", { phone: phone.number, uploadId });
      const arrived = await arrivedAt(phone, body.id);
      expect(arrived.media).toMatchObject({ fileName: "сад.bin", fileLength: bytes.length });
      expect(phone.download(arrived).equals(bytes)).toBe(true);
    }
    const sent = await bob.sendMedia(owner.number, "document", bytes, {
      fileName: "назад.html",
      mimetype: "text/html",
    });
    const media = await until(async () => {
      const answer = await gate.api("GET", `/api/instances/${id}/messages/${sent.id}/media?format=json`);
      expect([200, 404, 409]).toContain(answer.status);
      return answer.status === 200 ? answer.body : undefined;
    });
    expect(media).toMatchObject({ size: bytes.length, sha256: sha256(bytes), filename: "назад.html" });
    const redirect = await fetch(`${gate.gateway.url}/api/instances/${id}/messages/${sent.id}/media`, {
      headers: { "x-api-key": gate.gateway.firstAdmin?.apiKey.key ?? "" },
      redirect: "manual",
    });
    expect(redirect.status).toBe(302);
    const file = await fetch(redirect.headers.get("location") ?? "");
    // A browser must not render a stranger's file as a page of the gateway.
    expect(file.headers.get("content-disposition")).toMatch(/^attachment; .*%D0%BD/);
    expect(file.headers.get("content-type")).toBe("application/octet-stream");
    expect(file.headers.get("x-content-type-options")).toBe("nosniff");
    expect(file.headers.get("content-security-policy")).toContain("sandbox");
    expect(sha256(Buffer.from(await file.arrayBuffer()))).toBe(sha256(bytes));
  });

  test("a text file arrives with the type that its name tells", async () => {
    for (const [filename, mimetype] of [
      ["list.csv", "text/csv"],
      ["person.vcf", "text/vcard"],
    ]) {
      const arrived = await arrivedAt(bob, await sendUpload(Buffer.from("a;b\n"), { filename }));
      expect(arrived).toMatchObject({ kind: "document", media: { mimetype, fileName: filename } });
    }
  });

  test("an upload is accepted only if it has the announced size", async () => {
    const { body } = await post("uploads", { size: 5 });
    for (const length of [4, 6]) {
      const headers = { ...body.headers, "content-length": String(length) };
      const put = await fetch(body.url, { method: "PUT", headers, body: Buffer.alloc(length) });
      expect(put.status).toBe(403);
    }
    for (const size of [0, -1, 1.5, 100 * 2 ** 20 + 1, "5"]) expect((await post("uploads", { size })).status).toBe(400);
  });

  test("a message is rejected if its upload is missing, belongs to another instance, or is combined with a URL", async () => {
    const { uploadId } = (await post("uploads", { size: 5 })).body;
    const send = (body: object) => post("send-media", { phone: bob.number, ...body });
    expect((await send({ uploadId })).body).toMatchObject({ status: 400, code: "media_not_usable" });
    const other = await gate.createInstance();
    const elsewhere = (await gate.api("POST", `/api/whatsapp/${other}/uploads`, { body: { size: 5 } })).body;
    await fetch(elsewhere.url, { method: "PUT", headers: elsewhere.headers, body: "hello" });
    expect((await send({ uploadId: elsewhere.uploadId })).body.code).toBe("media_not_usable");
    for (const body of [
      { uploadId: `../${other}/${elsewhere.uploadId}` },
      { uploadId: "" },
      { uploadId, url: "http://127.0.0.1/a" },
      {},
    ]) {
      expect((await send(body)).body).toMatchObject({ status: 400, code: "invalid_request" });
    }
  });

  test("uploads are deleted with their instance", async () => {
    const other = await gate.createInstance();
    await storage.put(`upload/${other}/a`, Buffer.from("x"), { contentType: "text/plain" });
    await gate.api("DELETE", `/api/instances/${other}`);
    await until(async () => ((await storage.head(`upload/${other}/a`)) ? undefined : true));
  });
});

describe("links from another machine", () => {
  /** Sends a request as another machine would: with its own `Host`. `fetch` doesn't let a program set this header. */
  const ask = (method: string, url: string, headers: OutgoingHttpHeaders = {}, body?: string) =>
    new Promise<{ status: number; headers: IncomingHttpHeaders; text: string }>((resolve, reject) => {
      const outgoing = request(new URL(url, gate.gateway.url), { method, headers }, async (response) => {
        const text = (await response.toArray()).join("");
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      });
      outgoing.on("error", reject).end(body);
    });
  const credentials = () => ({ "x-api-key": gate.gateway.firstAdmin?.apiKey.key ?? "" });
  const createUpload = async (headers: Record<string, string>) => {
    const json = { "content-type": "application/json", ...credentials(), ...headers };
    const answer = await ask("POST", `/api/whatsapp/${id}/uploads`, json, JSON.stringify({ size: 10 }));
    return { status: answer.status, body: JSON.parse(answer.text) };
  };
  /** Returns the URL with the address at which the test reaches the gateway. */
  const here = (url: string) => {
    const { pathname, search } = new URL(url);
    return gate.gateway.url + pathname + search;
  };

  test("begin with the URL at which the caller reached the gateway, and never name this machine behind a proxy", async () => {
    const direct = await createUpload({ host: "192.0.2.7:3000" });
    expect(direct.body.url).toMatch(/^http:\/\/192\.0\.2\.7:3000\/api\/bucket\//);
    const untrusted = { "x-forwarded-for": "203.0.113.5", "x-forwarded-host": "evil.example" };
    const refused = await createUpload(untrusted);
    expect(refused).toMatchObject({ status: 501, body: { code: "not_supported" } });
    expect(refused.body.detail).toContain("PUBLIC_URL");
    expect(JSON.stringify(refused.body)).not.toMatch(/127\.0\.0\.1|evil\.example/);
    const named = await createUpload({ ...untrusted, host: "gw.example.com" });
    expect(named.body.url).toMatch(/^http:\/\/gw\.example\.com\/api\/bucket\//);
  });

  test("allow one upload of the announced size, whose file can be read in parts by a link for reading only", async () => {
    const { body: ticket } = await createUpload({ host: "192.0.2.7:3000" });
    const url = here(ticket.url);
    expect((await ask("PUT", url, { ...ticket.headers, "content-length": 11 }, "0123456789a")).status).toBe(403);
    const asOther = { ...ticket.headers, "content-type": "text/html" };
    expect((await ask("PUT", url, asOther, "0123456789")).status).toBe(403);
    expect((await ask("PUT", url, ticket.headers, "0123456789")).status).toBe(200);
    expect((await ask("GET", url)).status).toBe(403);

    const found = await ask("GET", `/api/media/${id}/${ticket.uploadId}`, { ...credentials(), host: "192.0.2.7:3000" });
    const { url: link } = JSON.parse(found.text).data;
    expect(link).toMatch(/^http:\/\/192\.0\.2\.7:3000\/api\/bucket\//);
    expect(await ask("GET", here(link))).toMatchObject({ status: 200, text: "0123456789" });
    expect(await ask("GET", here(link), { range: "bytes=2-4" })).toMatchObject({
      status: 206,
      text: "234",
      headers: { "content-range": "bytes 2-4/10" },
    });
    for (const method of ["PUT", "DELETE", "POST", "HEAD"])
      expect((await ask(method, here(link), credentials())).status).toBeGreaterThanOrEqual(400);
    expect(await ask("GET", here(link))).toMatchObject({ status: 200, text: "0123456789" });
    const other = here(link).replace(ticket.uploadId, "0".repeat(32));
    expect((await ask("GET", other)).status).toBe(403);
    const later = here(link).replace(/X-Amz-Expires=\d+/, "X-Amz-Expires=604800");
    expect((await ask("GET", later)).status).toBe(403);
  });

  test("stop working when they expire, and nothing is served without a signature in the URL", async () => {
    await storage.put(`upload/${id}/brief`, Buffer.from("x"), { contentType: "text/plain" });
    const headers = { contentType: "text/plain", contentDisposition: "attachment" };
    const link = throughApi(await storage.presign(`upload/${id}/brief`, 1, headers), gate.gateway.url);
    await until(async () => ((await ask("GET", link)).status === 403 ? true : undefined));
    const bare = link.split("?")[0] ?? "";
    for (const url of [
      bare,
      `${bare}?list-type=2`,
      `${gate.gateway.url}/api/bucket/`,
      `${bare}/../..?X-Amz-Signature=1`,
    ])
      expect([403, 404]).toContain((await ask("GET", url)).status);
  });

  test("lead a redirect to the file without the name of a proxy's upstream", async () => {
    const uploadId = await upload(Buffer.from("redirected"));
    const { body } = await post("send-media", { phone: bob.number, uploadId });
    await arrivedAt(bob, body.id);
    const path = `/api/instances/${id}/messages/${body.id}/media`;
    const proxied = { ...credentials(), "x-forwarded-for": "203.0.113.5" };
    const redirect = await until(async () => {
      const answer = await ask("GET", path, proxied);
      return answer.status === 302 ? answer : undefined;
    });
    const location = redirect.headers.location ?? "";
    expect(location).toMatch(/^(?:\.\.\/)+api\/bucket\//);
    expect(await ask("GET", new URL(location, new URL(path, gate.gateway.url)).href)).toMatchObject({
      text: "redirected",
    });
  });
});

describe("audio and video", () => {
  test("an Ogg/Opus voice note is sent unchanged, with its duration", async () => {
    const bytes = oggOpus(4);
    const arrived = await arrivedAt(bob, await sendUpload(bytes, { asVoice: true }));
    const media = { mimetype: "audio/ogg; codecs=opus", ptt: true, seconds: 4 };
    expect(arrived).toMatchObject({ kind: "audio", media });
    expect(bob.download(arrived).equals(bytes)).toBe(true);
    const plain = await arrivedAt(bob, await sendUpload(bytes));
    expect(plain).toMatchObject({ kind: "audio", media: { ...media, ptt: false } });
  });

  test("an MP4 that WhatsApp plays is sent as a video with its duration and size, without a preview", async () => {
    const bytes = mp4({ video: "avc1", audio: "mp4a" }, { seconds: 7 });
    const arrived = await arrivedAt(bob, await sendUpload(bytes, { caption: "look" }));
    expect(arrived).toMatchObject({ kind: "video", text: "look" });
    expect(arrived.media).toMatchObject({ mimetype: "video/mp4", seconds: 7, width: 640, height: 360 });
    expect(bob.download(arrived).equals(bytes)).toBe(true);
  });

  test("without ffmpeg, any other video is sent as a document, and fails with how to install ffmpeg if a video is requested", async () => {
    const hevc = mp4({ video: "hvc1", audio: "mp4a" });
    const arrived = await arrivedAt(bob, await sendUpload(hevc));
    expect(arrived.kind).toBe("document");
    expect(bob.download(arrived).equals(hevc)).toBe(true);
    for (const [bytes, asked] of [
      [hevc, { type: "video" }],
      [mp4({ audio: "mp4a" }, { brand: "M4A " }), { asVoice: true }],
    ] as const) {
      const { code, details } = await failure(await sendUpload(bytes, asked));
      expect(code).toBe("not_supported");
      expect(details).toContain("apt-get install ffmpeg");
    }
  });

  test("a file that is not audio fails as a voice note, and a file that is not video fails as a video", async () => {
    for (const asked of [{ asVoice: true }, { type: "video" }, { type: "audio" }]) {
      expect((await failure(await sendUpload(png(8), asked))).code).toBe("media_not_usable");
    }
    const answer = await post("send-media", {
      phone: bob.number,
      uploadId: await upload(png(8)),
      asVoice: true,
      type: "image",
    });
    expect(answer.body.code).toBe("invalid_request");
  });
});

describe("downloading the file of a message", () => {
  test.each([
    ["text/html", "document", "application/octet-stream", "attachment"],
    ["image/svg+xml", "document", "application/octet-stream", "attachment"],
    ["application/xhtml+xml", "image", "application/octet-stream", "attachment"],
    ["application/pdf", "document", "application/pdf", "attachment"],
    ["image/png", "image", "image/png", "inline"],
  ] as const)("the webhook's link serves a stranger's file of type %s safely", async (mimetype, kind, served, how) => {
    const bytes = Buffer.from("<script>alert(1)</script>");
    const { id: messageId } = await bob.sendMedia(owner.number, kind, bytes, { mimetype, fileName: "a\r\nb.html" });
    const { data } = (await client.reported("received", messageId)).body;
    const file = await until(async () => {
      const response = await fetch(data.media.url);
      return response.status === 200 ? response : undefined;
    });
    expect(file.headers.get("content-type")).toBe(served);
    expect(file.headers.get("content-disposition")).toMatch(new RegExp(`^${how}; filename="`));
    expect(file.headers.get("x-content-type-options")).toBe("nosniff");
    expect(file.headers.get("content-security-policy")).toMatch(/^default-src 'none'.*sandbox/);
    expect(Buffer.from(await file.arrayBuffer()).equals(bytes)).toBe(true);
  });

  test("a file with a name of 60,000 characters is served by a link of less than 4 KB", async () => {
    const bytes = randomBytes(100);
    const { id: messageId } = await bob.sendMedia(owner.number, "document", bytes, { fileName: "a.pdf" });
    await until(async () => ((await ask(messageId)).status === 200 ? true : undefined));
    // New messages have shorter names. This one is from an earlier version.
    const long = "ы".repeat(60_000);
    await gate.db.sql`
      update messages set media = jsonb_set(media, '{filename}', to_jsonb(${`${long}.pdf`}::text))
      where instance_id = ${id} and wa_id = ${messageId}`;
    const redirect = await fetch(`${gate.gateway.url}/api/instances/${id}/messages/${messageId}/media`, {
      headers: { "x-api-key": gate.gateway.firstAdmin?.apiKey.key ?? "" },
      redirect: "manual",
    });
    const location = redirect.headers.get("location") ?? "";
    expect(location.length).toBeLessThan(4096);
    const file = await fetch(location);
    expect(file.headers.get("content-disposition")).toMatch(/%D1%8B\.pdf$/);
    expect(Buffer.from(await file.arrayBuffer()).equals(bytes)).toBe(true);
  });

  const ask = (messageId: string) => gate.api("GET", `/api/instances/${id}/messages/${messageId}/media?format=json`);

  test("a download gets 404 if the message has no file or is unknown", async () => {
    const text = await client.sendText(bob.number, "only words");
    await arrivedAt(bob, text);
    for (const messageId of [text, "3EB0NONE", "01a1fe59-4240-70ba-a27b-67df6bf77efc"]) {
      expect((await ask(messageId)).body).toMatchObject({ status: 404, code: "message_not_found" });
    }
    const bad = await gate.api("GET", `/api/instances/${id}/messages/${text}/media?format=xml`);
    expect(bad.body.code).toBe("invalid_request");
  });

  test("a download gets 409 while the host downloads the file from WhatsApp, which the host retries after a broken connection", async () => {
    const bytes = randomBytes(1_000_000);
    // Once at each media host, so that the file waits.
    gate.wa.media.faults.download.add("cut", 2);
    const { id: messageId } = await bob.sendMedia(owner.number, "document", bytes);
    await client.reported("received", messageId);
    const pending = await ask(messageId);
    expect(pending.body).toMatchObject({ status: 409, code: "media_not_ready" });
    expect(Number(pending.headers.get("retry-after"))).toBeGreaterThan(0);
    const media = await until(async () => {
      const answer = await ask(messageId);
      return answer.status === 200 ? answer.body : undefined;
    });
    expect(media.sha256).toBe(sha256(bytes));
  });

  test("a download gets 410 if WhatsApp no longer has the file", async () => {
    const whole = await bob.sendImage(owner.number, png(8));
    const imageMessage = { ...whole.message.imageMessage, directPath: "nowhere" };
    const { id: messageId } = await bob.sendMessage(owner.number, { imageMessage }, { type: "media" });
    const lost = await until(async () => {
      const answer = await ask(messageId);
      return answer.status === 410 ? answer : undefined;
    });
    expect(lost.body.code).toBe("media_lost");
  });
});

test("an MP4 file with 4 million boxes neither blocks the process nor costs a lease", async () => {
  const epochs = async () => {
    const rows = await gate.db.sql<{ epoch: number }[]>`select epoch::int as epoch from shards order by id`;
    return rows.map(({ epoch }) => epoch);
  };
  const before = await epochs();
  const bytes = crowdedMp4(4_000_000, "index");
  const uploadId = await upload(bytes);
  const heartbeat = new Heartbeat();
  const asVideo = await post("send-media", { phone: bob.number, uploadId, type: "video" });
  const sent = await post("send-media", { phone: bob.number, uploadId });
  const arrived = await bob.waitFor((message) => message.id === sent.body.id);
  // A lease lasts 12 s. Before, each of these requests blocked the process for several seconds.
  expect(heartbeat.stop()).toBeLessThan(3000);
  expect((await failure(asVideo.body.id)).code).toBe("media_not_usable");
  expect(arrived).toMatchObject({ kind: "document", media: { mimetype: "video/mp4" } });
  expect(bob.download(arrived).length).toBe(bytes.length);
  expect(await epochs()).toEqual(before);
});
