import type { BinaryNode } from "@whiskeysockets/baileys";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Client, silenceLibsignal, strictVerification } from "../../support/simulator/client.ts";
import { endScene, type Scene, startScene } from "../../support/simulator/scene.ts";

silenceLibsignal();
strictVerification();

let scene: Scene;

beforeEach(async () => {
  scene = await startScene();
});

afterEach(() => endScene(scene.wa, scene.client));

/** Waits until the client has stored a privacy token of the phone with this LID. */
const stored = (client: Client, lid: string) =>
  vi.waitFor(async () => {
    const found = await client.keys.get("tctoken", [lid]);
    if (!found[lid]?.token.length) throw new Error("no token yet");
  });

const notices = (from: string) =>
  [...scene.wa.device(scene.alice.number).kept].filter(({ attrs }) => attrs.from === from).length;

/** Sends a stanza with this id and returns the error of its ack. */
async function ackError(client: Client, stanza: BinaryNode): Promise<string | undefined> {
  const { ws } = client.sock;
  const ack = new Promise<BinaryNode>((resolve) => ws.once(`CB:ack,id:${stanza.attrs.id}`, resolve));
  await client.sock.sendNode(stanza);
  return (await ack).attrs.error;
}

test("a client attaches the token of a contact that wrote to it", async () => {
  const { wa, alice, bob, carol, client } = scene;
  await client.pair(alice);
  await bob.sendText(alice.number, "hello");
  await client.waitForText("hello");
  await stored(client, bob.lidJid);
  await client.sock.sendMessage(bob.lidJid, { text: "hello yourself" });
  await client.sock.sendMessage(carol.lidJid, { text: "we have not met" });
  await carol.waitFor(({ text }) => text === "we have not met");
  expect(wa.device(alice.number).counts).toMatchObject({ received: 2, tokens: 1 });
});

test("a client attaches no token if the server property is off", async () => {
  const { wa, alice, bob, client } = scene;
  wa.world.rules.relax("privacy_token_property");
  await client.pair(alice);
  await bob.sendText(alice.number, "hello");
  await stored(client, bob.lidJid);
  await client.sock.sendMessage(bob.lidJid, { text: "hello yourself" });
  await bob.waitFor(({ text }) => text === "hello yourself");
  expect(wa.device(alice.number).counts).toMatchObject({ received: 1, tokens: 0 });
});

test("a phone issues its token once, not with each message", async () => {
  const { alice, bob, client } = scene;
  await client.pair(alice);
  await client.close();
  await vi.waitFor(() => expect(scene.wa.device(alice.number).socket).toBeUndefined());
  for (const text of ["one", "two", "three"]) await bob.sendText(alice.number, text);
  expect(notices(bob.jid)).toBe(1);
});

test("a newly linked client gets the tokens of its chats with the history", async () => {
  const { wa, alice, bob, carol, client } = scene;
  const timestamp = Math.floor(Date.now() / 1000) - 60;
  alice.history = [
    { with: bob.number, messages: [{ text: "from Bob", timestamp }] },
    { with: carol.number, messages: [{ text: "to Carol", fromMe: true, timestamp }] },
  ];
  await client.pair(alice);
  await stored(client, bob.lidJid);
  for (const { lidJid } of [bob, carol]) await client.sock.sendMessage(lidJid, { text: "hello" });
  await carol.waitFor(({ text }) => text === "hello");
  expect(wa.device(alice.number).counts).toMatchObject({ received: 2, tokens: 1 });
});

test("the simulator records a token that the recipient did not issue", async () => {
  const { wa, alice, bob, client } = scene;
  await client.pair(alice);
  const token = { tag: "tctoken", attrs: {}, content: Buffer.from("forged") };
  const subscribe = { tag: "presence", attrs: { type: "subscribe", to: bob.jid }, content: [token] };
  await client.sock.sendNode(subscribe);
  await vi.waitFor(() => expect(wa.unknown).toHaveLength(1));
  expect(wa.unknown.pop()?.reason).toBe("the privacy token is not one that the recipient issued");
  wa.world.rules.relax("privacy_token_of_recipient");
  await client.sock.sendNode(subscribe);
  expect(await client.sock.fetchStatus(bob.jid)).toHaveLength(1);
});

test("the simulator rejects a peer message with a token with 479", async () => {
  const { wa, alice, client } = scene;
  await client.pair(alice);
  const token = { tag: "tctoken", attrs: {}, content: wa.world.privacyToken(alice.account, alice.account) };
  const peer = (id: string) => ({
    tag: "message",
    attrs: { id, to: alice.jid, type: "text", category: "peer" },
    content: [token],
  });
  expect(await ackError(client, peer("PEER1"))).toBe("479");
  wa.world.rules.relax("privacy_token_not_for_peers");
  expect(await ackError(client, peer("PEER2"))).toBeUndefined();
});

test("the simulator never answers a request for the own picture with a token", async () => {
  const { wa, alice, client } = scene;
  await client.pair(alice);
  const token = { tag: "tctoken", attrs: {}, content: Buffer.from("any") };
  const request = {
    tag: "iq",
    attrs: { to: "s.whatsapp.net", target: alice.jid, type: "get", xmlns: "w:profile:picture" },
    content: [{ tag: "picture", attrs: { type: "image" }, content: [token] }],
  };
  await expect(client.sock.query(request, 500)).rejects.toMatchObject({ message: "Timed Out" });
  expect(wa.unknown.splice(0)).toMatchObject([{ reason: "a privacy token for oneself" }]);
});
