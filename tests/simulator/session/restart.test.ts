import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startWhatsApp } from "../../../simulator/index.ts";
import { Client, silenceLibsignal, strictVerification } from "../../support/simulator/client.ts";

silenceLibsignal();
strictVerification();

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "whatsapp-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

test("the simulator restores devices, sessions, queues and groups after a restart", async () => {
  const options = { directory, stateFile: join(directory, "state") };
  const first = await startWhatsApp(options);
  const alice = await first.addPhone({ number: "4915550000001", pushName: "Alice" });
  const bob = await first.addPhone({ number: "4915550000002", pushName: "Bob" });
  const client = new Client(first);
  await client.pair(alice);
  const group = bob.createGroup("Friday", [alice.number]);
  await client.sock.sendMessage(bob.lidJid, { text: "before" });
  await client.sock.sendMessage(group.jid, { text: "in the group" });
  await bob.waitFor((message) => message.text === "in the group");
  await bob.sendText(alice.number, "answer");
  await client.waitForText("answer");
  await client.close();
  await bob.sendText(alice.number, "while nobody was there");
  await first.stop();
  expect(statSync(options.stateFile).mode & 0o777).toBe(0o600);

  const second = await startWhatsApp(options);
  expect(second).toMatchObject({ rootKey: first.rootKey, mediaCa: first.mediaCa });
  const restored = second.phone("4915550000002");
  if (!restored) throw new Error("the phone was not restored");
  expect(restored.inbox.messages.map(({ text }) => text)).toEqual(["before", "in the group"]);
  const secondClient = new Client(second);
  Object.assign(secondClient.creds, client.creds);
  Object.assign(secondClient.keys, client.keys);
  await secondClient.login();
  await secondClient.waitForText("while nobody was there");
  await secondClient.sock.sendMessage(restored.lidJid, { text: "after" });
  await restored.waitFor((message) => message.text === "after");
  await secondClient.sock.sendMessage(group.jid, { text: "still in the group" });
  await restored.waitFor((message) => message.text === "still in the group");
  await restored.sendText(group.jid, "me too");
  await secondClient.waitForText("me too");
  expect(restored.failures).toEqual([]);
  expect([...first.unknown, ...second.unknown]).toEqual([]);
  await secondClient.close();
  await second.stop();
});
