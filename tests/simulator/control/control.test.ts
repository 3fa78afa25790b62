import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Control, startControl } from "../../../simulator/control/server.ts";
import { startWhatsApp, type WhatsApp } from "../../../simulator/index.ts";
import { type MediaReference, openMedia } from "../../../simulator/wire/media.ts";
import { Client, silenceLibsignal, strictVerification } from "../../support/simulator/client.ts";
import { type Call, caller, endScene } from "../../support/simulator/scene.ts";

silenceLibsignal();
strictVerification();

let wa: WhatsApp;
let control: Control;
let call: Call;
let client: Client;

beforeEach(async () => {
  wa = await startWhatsApp();
  control = await startControl(wa);
  call = caller(control);
  client = new Client(wa);
});

afterEach(async () => {
  await control.stop();
  await endScene(wa, client);
});

const [ALICE, BOB] = ["4915550000001", "4915550000002"];

test("the control API links and unlinks a device, and sends, receives and reads messages", async () => {
  await call("POST", "/phones", { number: ALICE, pushName: "Alice" });
  const bob = (await call("POST", "/phones", { number: BOB, pushName: "Bob" })).json as { lid: string };
  const shown = client.next((update) => update.qr !== undefined);
  client.connect();
  const restart = client.next((update) => update.connection === "close");
  const scanned = await call("POST", `/phones/${ALICE}/scan`, { qr: (await shown).qr });
  expect(scanned).toMatchObject({ status: 201, json: { jid: `${ALICE}:1@s.whatsapp.net`, id: 1 } });
  await restart;
  await client.login();

  const waiting = call("GET", `/phones/${BOB}/wait?text=hello&timeoutMs=5000`);
  const sent = await client.sock.sendMessage(bob.lid, { text: "hello" });
  expect(await waiting).toMatchObject({
    status: 200,
    json: { id: sent?.key.id, text: "hello", fromDevice: 1, copies: 1 },
  });
  expect((await call("POST", `/phones/${BOB}/read`, { messages: [sent?.key.id] })).status).toBe(204);
  await client.statuses.waitFor(({ id, status }) => id === sent?.key.id && status === 4);

  const answer = await call("POST", `/phones/${BOB}/text`, { to: ALICE, text: "hello yourself", id: "FIXED1" });
  expect(answer).toMatchObject({ status: 201, json: { id: "FIXED1" } });
  expect((await client.waitForText("hello yourself")).key.id).toBe("FIXED1");
  const delivered = await call("GET", `/phones/${BOB}/sent/FIXED1?status=delivered`);
  expect(delivered.json).toMatchObject({ status: "delivered" });

  const data = Buffer.from("a file").toString("base64");
  await call("POST", `/phones/${BOB}/media`, { to: ALICE, kind: "document", data, fileName: "a.txt" });
  await client.messages.waitFor(({ message }) => message?.documentMessage?.fileName === "a.txt");
  const { json } = (await call("GET", `/phones/${ALICE}/wait?kind=document`)) as { json: { id: string } };
  expect(await (await fetch(`${control.url}/phones/${ALICE}/inbox/${json.id}/media`)).text()).toBe("a file");
  expect((await call("GET", `/phones/${ALICE}/inbox`)).json).toMatchObject({ next: 3 });

  const group = await call("POST", `/phones/${BOB}/groups`, { subject: "G", members: [ALICE] });
  expect((await call("GET", "/groups")).json).toEqual([group.json]);

  const closed = client.next((update) => update.connection === "close");
  expect((await call("DELETE", `/phones/${ALICE}/devices/1`)).status).toBe(204);
  expect((await closed).code).toBe(401);
});

test("the control API sends any protobuf message, with files, and rejects what is not one", async () => {
  const alice = await wa.addPhone({ number: ALICE, pushName: "Alice" });
  const bob = await wa.addPhone({ number: BOB, pushName: "Bob" });
  const picture = Buffer.from("a picture");
  const sent = await call("POST", `/phones/${BOB}/message`, {
    to: ALICE,
    message: { templateMessage: { hydratedTemplate: { hydratedContentText: "Your code is 123456" } } },
    files: [
      { at: ["templateMessage", "hydratedTemplate", "imageMessage"], kind: "image", data: picture.toString("base64") },
    ],
  });
  expect(sent).toMatchObject({ status: 201, json: { status: "sent" } });
  const { message } = await alice.waitFor(({ kind }) => kind === "template");
  const { hydratedContentText, imageMessage } = message.templateMessage?.hydratedTemplate ?? {};
  expect(hydratedContentText).toBe("Your code is 123456");
  const file = bob.world.media.get(imageMessage?.directPath ?? "");
  const reference = { ...imageMessage, fileLength: Number(imageMessage?.fileLength) } as MediaReference;
  expect(openMedia(file as Buffer, reference, "image")).toEqual(picture);

  for (const body of [{ message: { noSuchMessage: {} } }, { message: { listMessage: "text" } }])
    expect(await call("POST", `/phones/${BOB}/message`, { to: ALICE, ...body })).toMatchObject({ status: 400 });
});

test("the control API controls faults and shows queues and sockets", async () => {
  const alice = await wa.addPhone({ number: ALICE, pushName: "Alice" });
  const bob = await wa.addPhone({ number: BOB, pushName: "Bob" });
  await client.pair(alice);
  expect((await call("POST", `/devices/${ALICE}/1/faults`, { login: { code: 503 } })).status).toBe(204);
  const closed = client.next((update) => update.connection === "close");
  await call("POST", `/devices/${ALICE}/1/faults`, { cut: true });
  await closed;
  await bob.sendText(ALICE, "kept");
  expect((await call("GET", `/devices/${ALICE}/1/queue`)).json).toMatchObject({
    kept: [{ tag: "message" }, { tag: "notification", attrs: { type: "privacy_token" } }],
  });
  const refused = client.next((update) => update.connection === "close");
  client.connect();
  expect((await refused).code).toBe(503);
  await client.login();
  await client.waitForText("kept");
  const { json } = await call("GET", "/devices");
  expect(json).toMatchObject([{ sockets: { open: 1, maximum: 1 }, counts: { redelivered: 2 } }]);
});

test("the control API changes groups, makes and accepts calls, and rejects what the phone is not allowed to do", async () => {
  for (const number of [ALICE, BOB]) await call("POST", "/phones", { number });
  const { json } = await call("POST", `/phones/${ALICE}/groups`, { subject: "Trip", members: [BOB] });
  const { jid } = json as { jid: string };
  const changed = await call("PATCH", `/phones/${ALICE}/groups/${jid}`, {
    subject: "Rome",
    locked: true,
    ephemeral: 86_400,
  });
  expect(changed).toMatchObject({ status: 200, json: { jid, subject: "Rome" } });
  expect(await call("PATCH", `/phones/${BOB}/groups/${jid}`, { subject: "Paris" })).toMatchObject({ status: 409 });
  const promoted = await call("POST", `/phones/${ALICE}/groups/${jid}/members`, { action: "promote", members: [BOB] });
  expect(promoted).toMatchObject({ json: { members: [{ role: "superadmin" }, { role: "admin" }] } });
  expect((await call("DELETE", `/phones/${BOB}/groups/${jid}`)).status).toBe(204);

  const made = await call("POST", `/phones/${ALICE}/calls`, { to: BOB, video: true });
  const { id } = made.json as { id: string };
  const step = (number: string | undefined, action: string) =>
    call("POST", `/phones/${number}/calls/${id}`, { action });
  expect(await call("GET", `/phones/${BOB}/calls`)).toMatchObject({
    json: [{ id, video: true, called: [{ jid: `${BOB}@s.whatsapp.net`, state: "ringing" }] }],
  });
  expect(await step(BOB, "hangUp")).toMatchObject({ status: 409 });
  expect(await step(BOB, "accept")).toMatchObject({ json: { called: [{ state: "accepted", device: 0 }] } });
  expect(await step(BOB, "reject")).toMatchObject({ status: 409 });
  expect(await call("POST", `/phones/${ALICE}/calls`, { to: "4900000" })).toMatchObject({ status: 404 });
});

test("the control API rejects invalid requests with a suitable status", async () => {
  await call("POST", "/phones", { number: ALICE });
  expect(await call("POST", "/phones", { number: ALICE })).toMatchObject({ status: 409 });
  expect(await call("POST", "/phones", { number: "alice" })).toMatchObject({ status: 400 });
  expect(await call("GET", "/phones/4900000")).toMatchObject({ status: 404 });
  expect(await call("POST", `/phones/${ALICE}/text`, { to: "4900000", text: "?" })).toMatchObject({ status: 404 });
  expect(await call("POST", `/phones/${ALICE}/scan`, { qr: "2@not,a,real,qr,code-at-all" })).toMatchObject({
    status: 409,
  });
  expect(await call("GET", `/phones/${ALICE}/wait?text=never&timeoutMs=20`)).toMatchObject({ status: 408 });
  expect(await call("DELETE", `/phones/${ALICE}/devices/7`)).toMatchObject({ status: 409 });
});

test("the OpenAPI document of the control API describes every route, with schemas", async () => {
  const { json } = await call("GET", "/openapi.json");
  const { openapi, paths } = json as { openapi: string; paths: Record<string, Record<string, object>> };
  expect(openapi).toBe("3.1.0");
  expect(Object.keys(paths)).toContain("/phones/{number}/text");
  const operations = Object.values(paths).flatMap((path) => Object.values(path)) as { operationId: string }[];
  expect(operations.length).toBeGreaterThan(25);
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  expect(paths["/phones/{number}/text"]?.post).toMatchObject({
    requestBody: { content: { "application/json": { schema: { required: ["to", "text"] } } } },
  });
});

test("the control API sends and answers polls and calendar events, and shows the answers on each phone", async () => {
  for (const number of [ALICE, BOB]) await call("POST", "/phones", { number });
  const send = async (kind: "poll" | "event", body: object) => {
    const { status, json } = await call("POST", `/phones/${ALICE}/${kind}`, { to: BOB, ...body });
    expect(status).toBe(201);
    const { id } = json as { id: string };
    expect((await call("GET", `/phones/${BOB}/wait?id=${id}`)).status).toBe(200);
    return id;
  };
  const responsesOf = async (id: string) => {
    await wa.phone(ALICE ?? "")?.waitFor(({ refersTo }) => refersTo === id);
    return ((await call("GET", `/phones/${ALICE}/sent/${id}`)).json as { responses: unknown[] }).responses;
  };
  const poll = await send("poll", { question: "Tea?", options: ["Yes", "No"] });
  expect((await call("POST", `/phones/${BOB}/vote`, { message: poll, options: ["Yes"] })).status).toBe(201);
  expect(await responsesOf(poll)).toMatchObject([{ from: `${BOB}@s.whatsapp.net`, choices: ["Yes"] }]);
  const event = await send("event", { name: "Tea", startTime: 1_900_000_000, extraGuestsAllowed: true });
  expect((await call("GET", `/phones/${BOB}/wait?id=${event}`)).json).toMatchObject({
    kind: "event",
    event: { name: "Tea", startTime: 1_900_000_000, extraGuestsAllowed: true },
  });
  const answer = { message: event, answer: "going", guests: 1 };
  expect((await call("POST", `/phones/${BOB}/answer`, answer)).status).toBe(201);
  expect(await responsesOf(event)).toMatchObject([{ choices: ["going"], guests: 1 }]);
  expect((await call("POST", `/phones/${BOB}/vote`, { message: event, options: ["Yes"] })).status).toBe(409);
});

test("a linked device gets a message without content, asks the phone for it, and the phone answers when it is told to", async () => {
  await call("POST", "/phones", { number: ALICE, pushName: "Alice" });
  await call("POST", "/phones", { number: BOB, pushName: "Bob" });
  const alice = wa.phone(ALICE);
  if (!alice) throw new Error("the phone was not added");
  await client.pair(alice);
  await call("PATCH", `/phones/${ALICE}`, { placeholders: "hold" });
  const sent = await call("POST", `/phones/${BOB}/text`, { to: ALICE, text: "from an ad", withheld: "no_content" });
  const { id } = sent.json as { id: string };
  const requests = () => call("GET", `/phones/${ALICE}`).then(({ json }) => json as { placeholderRequests: unknown[] });
  await vi.waitFor(
    async () => expect((await requests()).placeholderRequests).toMatchObject([{ device: 1, messages: [id] }]),
    { timeout: 15_000 },
  );
  await call("PATCH", `/phones/${ALICE}`, { placeholders: "answer" });
  expect((await client.waitForText("from an ad")).key.id).toBe(id);
});

test("the control API lists the rules about WhatsApp, switches a rule off and on, and refuses unknown names", async () => {
  const relaxed = async (name: string) => {
    const { rules } = (await call("GET", "/rules")).json as { rules: { name: string; relaxed: boolean }[] };
    return rules.find((rule) => rule.name === name)?.relaxed;
  };
  expect(await relaxed("login_version")).toBe(false);
  expect(await call("PUT", "/rules/login_version/relaxed")).toMatchObject({ status: 200, json: { relaxed: true } });
  expect(await relaxed("login_version")).toBe(true);
  expect(wa.world.rules.relaxed("login_version")).toBe(true);
  expect(await call("DELETE", "/rules/login_version/relaxed")).toMatchObject({ status: 200, json: { relaxed: false } });
  expect(wa.world.rules.relaxed("login_version")).toBe(false);
  expect(await call("GET", "/rules/nothing")).toMatchObject({ status: 404 });
  expect(await call("PUT", "/rules/nothing/relaxed")).toMatchObject({ status: 404 });
  expect(await call("PUT", "/rules/current_version_page/relaxed")).toMatchObject({ status: 409 });
});

test("the control API breaks a media host, revokes upload tokens and changes the limits of look-ups", async () => {
  const [primary, fallback] = wa.media.hosts;
  const hosts = [
    { hostname: primary.hostname, fault: 503 },
    { hostname: fallback.hostname, fault: null },
  ];
  expect(await call("PATCH", "/media/hosts/primary", { fault: 503 })).toEqual({ status: 200, json: { hosts } });
  expect(await call("GET", "/media/hosts")).toEqual({ status: 200, json: { hosts } });
  expect(primary.fault).toBe(503);
  await call("PATCH", "/media/hosts/primary", { fault: null });
  expect(primary.fault).toBeUndefined();
  expect((await call("PATCH", "/media/hosts/other", { fault: null })).status).toBe(404);
  const token = wa.media.issueToken();
  expect((await call("DELETE", "/media/tokens")).status).toBe(204);
  expect(wa.media.acceptsToken(token)).toBe(false);
  const group = { burst: 1, perSecond: 0.5 };
  expect(await call("PATCH", "/lookup-limits", { group })).toMatchObject({ status: 200, json: { group } });
  expect((await call("GET", "/lookup-limits")).json).toEqual(wa.world.lookupLimits);
  expect((await call("PATCH", "/lookup-limits", { group: { burst: -1 } })).status).toBe(400);
});
