import type { WACallEvent } from "@whiskeysockets/baileys";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Phone, WhatsApp } from "../../../simulator/index.ts";
import { answerCall, callsOf, startCall } from "../../../simulator/phone/owner/call.ts";
import { child } from "../../../simulator/wire/node.ts";
import { type Client, Log, silenceLibsignal, strictVerification } from "../../support/simulator/client.ts";
import { endScene, startScene } from "../../support/simulator/scene.ts";

silenceLibsignal();
strictVerification();

let wa: WhatsApp;
let alice: Phone;
let bob: Phone;
let client: Client;
let callEvents: Log<WACallEvent>;

const listen = () =>
  client.sock.ev.on("call", (calls) => {
    for (const call of calls) callEvents.push(call);
  });

beforeEach(async () => {
  ({ wa, alice, bob, client } = await startScene());
  callEvents = new Log();
  await client.pair(alice);
  listen();
});

afterEach(() => endScene(wa, client));

test("the simulator lets a client reject a call, which ends for the caller and stops ringing on the phone", async () => {
  const call = startCall(bob, alice.number, { video: true });
  const offer = await callEvents.waitFor(({ id, status }) => id === call.id && status === "offer");
  expect(offer).toMatchObject({ from: bob.lidJid, callerPn: bob.jid, isVideo: true, isGroup: false, offline: false });
  await client.sock.rejectCall(call.id, offer.from);
  expect(call.states.get(alice.account)).toBe("rejected");
  expect(call.answeredBy.get(alice.account)).toBe(1);
  expect(child(alice.notifications.at(-1), "terminate")?.attrs.reason).toBe("rejected_elsewhere");
  expect(answerCall(alice, call, "accepted")).toBe(false);
  expect([callsOf(alice), callsOf(bob)]).toEqual([[call], [call]]);
});

test("the simulator ends a call on the client when the phone accepts the call, the caller hangs up or nobody answers", async () => {
  const accepted = startCall(bob, alice.jid);
  expect(answerCall(alice, accepted, "accepted")).toBe(true);
  const hungUp = startCall(bob, alice.jid);
  hungUp.hangUp();
  const unanswered = startCall(bob, alice.jid, { ringMs: 1 });
  await callEvents.waitFor(({ id, status }) => id === accepted.id && status === "terminate");
  await callEvents.waitFor(({ id, status }) => id === hungUp.id && status === "terminate");
  await callEvents.waitFor(({ id, status }) => id === unanswered.id && status === "timeout");
  const states = [accepted, hungUp, unanswered].map((call) => call.states.get(alice.account));
  expect(states).toEqual(["accepted", "missed", "missed"]);
});

test("the simulator keeps a call until the client acknowledges the call, and sends it again after the next login", async () => {
  await client.close();
  const call = startCall(bob, alice.number);
  const device = wa.device(alice.number);
  expect(device.kept.size).toBe(1);
  const opened = client.next((update) => update.connection === "open");
  client.connect();
  listen();
  await opened;
  await callEvents.waitFor(({ id, offline }) => id === call.id && offline);
  await expect.poll(() => device.kept.size).toBe(0);
});

test("a call rings for all members of a group, but not for an account that blocked the caller", async () => {
  const group = bob.createGroup("Trip", [alice.jid]);
  const call = startCall(bob, group.jid);
  const offer = await callEvents.waitFor(({ id, status }) => id === call.id && status === "offer");
  expect(offer).toMatchObject({ isGroup: true, groupJid: group.jid });
  alice.account.blocked.add(bob.account.lid);
  const blockedCall = startCall(bob, alice.jid);
  blockedCall.hangUp();
  alice.account.blocked.delete(bob.account.lid);
  call.hangUp();
  await callEvents.waitFor(({ id, status }) => id === call.id && status === "terminate");
  expect(callEvents.entries.filter(({ id }) => id === blockedCall.id)).toEqual([]);
});
