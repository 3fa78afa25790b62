import { expect, test } from "vitest";
import { createLogger } from "../../../core/log.ts";
import type { Change } from "../../../session-host/ledger/change.ts";
import { Gate } from "../../../session-host/session/connection/gate.ts";
import { Recorder } from "../../../session-host/session/recorder.ts";

function setup(append: (change: Change) => Promise<void> = async () => undefined) {
  const appended: Change[] = [];
  const durable: Change[] = [];
  const sent: string[] = [];
  const gate = new Gate(() => true);
  const socket = { send: (data: Uint8Array | string) => void sent.push(String(data)), terminate: () => undefined };
  gate.guard(socket);
  const recorder = new Recorder({
    ledger: {
      append: (_instanceId, change) => {
        appended.push(change);
        return append(change);
      },
    },
    gate,
    log: createLogger("test", "silent"),
    instanceId: "instance",
    onDurable: (change) => durable.push(change),
  });
  return { recorder, gate, socket, sent, appended, durable };
}

const stanza = (id: string) => ({ tag: "notification", attrs: { id } });
const settled = () => new Promise(setImmediate);

test("changes are recorded in the order of their stanzas, even if the change of an earlier stanza is known later", async () => {
  const { recorder, socket, sent, appended } = setup();
  const first = Promise.withResolvers<Change>();
  recorder.recordInOrder(stanza("1"), first.promise);
  recorder.recordInOrder(stanza("2"), {});
  socket.send("answer to both");
  await settled();
  expect(appended).toEqual([]);
  expect(sent).toEqual([]);
  first.resolve({});
  await settled();
  expect(appended).toEqual([{ correlationId: "1" }, { correlationId: "2" }]);
  expect(sent).toEqual(["answer to both"]);
});

test("a stanza without a change causes no record and no delay", async () => {
  const { recorder, socket, sent, appended } = setup();
  recorder.recordInOrder(stanza("1"), undefined);
  socket.send("answer");
  expect(appended).toEqual([]);
  expect(sent).toEqual(["answer"]);
});

test("a change that cannot be stored closes the gate", async () => {
  const { recorder, gate, durable } = setup(() => Promise.reject(new Error("refused")));
  recorder.recordInBackground({});
  await settled();
  expect(gate.failed).toBe(true);
  expect(durable).toEqual([]);
});

test("after closing, further changes are refused", async () => {
  const { recorder, appended, durable } = setup();
  await recorder.record({ correlationId: "before" });
  await recorder.close();
  await expect(recorder.record({})).rejects.toThrow("closed");
  expect(appended).toEqual([{ correlationId: "before" }]);
  expect(durable).toEqual([{ correlationId: "before" }]);
});
