import { expect, test } from "vitest";
import { asCommand, asInstance } from "../../../session-host/concurrency/instance-context.ts";
import { Gate, type Outlet } from "../../../session-host/session/connection/gate.ts";

function setup(leaseHeld = () => true, onHeld: () => void = () => undefined) {
  const sent: string[] = [];
  let terminated = 0;
  const socket: Outlet = { send: (data) => void sent.push(String(data)), terminate: () => void terminated++ };
  const gate = new Gate(leaseHeld, onHeld);
  gate.guard(socket);
  return { gate, socket, sent, terminated: () => terminated };
}

const settled = () => new Promise(setImmediate);

test("a frame is sent at once when no change is pending", () => {
  const { socket, sent } = setup();
  socket.send("ping");
  expect(sent).toEqual(["ping"]);
});

test("a frame waits for every earlier change and for no later change", async () => {
  const { gate, socket, sent } = setup();
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  gate.holdUntil(first.promise);
  socket.send("receipt 1");
  gate.holdUntil(second.promise);
  socket.send("receipt 2");
  expect(sent).toEqual([]);
  first.resolve();
  await settled();
  expect(sent).toEqual(["receipt 1"]);
  second.resolve();
  await settled();
  expect(sent).toEqual(["receipt 1", "receipt 2"]);
});

test("a frame of a command that must wait is reported, and other frames are not", async () => {
  let reports = 0;
  const { gate, socket } = setup(undefined, () => void reports++);
  asCommand("instance", () => socket.send("at once"));
  const change = Promise.withResolvers<void>();
  gate.holdUntil(change.promise);
  asInstance("instance", () => socket.send("acknowledgement"));
  socket.send("acknowledgement");
  expect(reports).toBe(0);
  await asCommand("instance", async () => {
    await settled();
    socket.send("message");
  });
  expect(reports).toBe(1);
  change.resolve();
});

test("a frame waits for all earlier changes, in whatever order they become durable", async () => {
  const { gate, socket, sent } = setup();
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  gate.holdUntil(first.promise);
  gate.holdUntil(second.promise);
  socket.send("receipt");
  second.resolve();
  await settled();
  expect(sent).toEqual([]);
  first.resolve();
  await settled();
  expect(sent).toEqual(["receipt"]);
});

test("frames keep their order when a frame without pending changes follows a waiting frame", async () => {
  const { gate, socket, sent } = setup();
  const change = Promise.withResolvers<void>();
  gate.holdUntil(change.promise);
  socket.send("a");
  socket.send("b");
  change.resolve();
  await settled();
  expect(sent).toEqual(["a", "b"]);
});

test("the callback of a waiting frame is called at once", () => {
  const { gate, socket } = setup();
  gate.holdUntil(new Promise(() => undefined));
  let called = false;
  socket.send("held", () => {
    called = true;
  });
  expect(called).toBe(true);
});

test("a failed change blocks all later frames and terminates the connection", async () => {
  const { gate, socket, sent, terminated } = setup();
  const change = Promise.withResolvers<void>();
  gate.holdUntil(change.promise);
  socket.send("receipt");
  change.reject(new Error("refused"));
  await settled();
  socket.send("another");
  expect(sent).toEqual([]);
  expect(terminated()).toBe(1);
  expect(gate.failed).toBe(true);
});

test("without the lease no frame is sent and the connection is terminated", () => {
  let held = true;
  const { socket, sent, terminated } = setup(() => held);
  socket.send("before");
  held = false;
  socket.send("after");
  expect(sent).toEqual(["before"]);
  expect(terminated()).toBe(1);
});
