import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  concurrentLogins,
  dialMs,
  type Login,
  LoginPlaces,
} from "../../../session-host/session/connection/login-places.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

let places: LoginPlaces;
let started: Map<string, Login>;
beforeEach(() => {
  places = new LoginPlaces();
  started = new Map();
});

/** Starts logins that are named `<user>/<instance>`, and lets their WebSockets open. */
async function start(proxied: boolean, ...names: string[]): Promise<void> {
  for (const name of names) {
    const [userId = ""] = name.split("/");
    void places.enter({ userId, instanceId: name }, proxied).then((login) => {
      started.set(name, login);
      login.dialing();
    });
  }
  await vi.advanceTimersByTimeAsync(0);
}
const many = (user: string, count = 2 * concurrentLogins) => Array.from({ length: count }, (_, at) => `${user}/${at}`);

test("sessions with a proxy delay neither a session without a proxy nor another user's session", async () => {
  await start(true, ...many("mallory"));
  await start(true, "alice/proxied");
  await start(false, "alice/direct");
  expect(started.has("alice/proxied")).toBe(true);
  expect(started.has("alice/direct")).toBe(true);
  expect(started.size).toBe(concurrentLogins + 1);
});

test("a user who logs in many sessions without a proxy delays no other user", async () => {
  await start(false, ...many("alice"));
  await start(false, "bob/0");
  expect(started.has("bob/0")).toBe(true);
  expect(started.size).toBe(concurrentLogins);
});

test("a session with a silent proxy frees its place, and takes one again before the handshake", async () => {
  await start(true, ...many("alice"));
  const first = [...started.keys()];
  await vi.advanceTimersByTimeAsync(dialMs);
  const others = [...started.keys()].filter((name) => !first.includes(name));
  expect(others.length).toBe(first.length);
  for (const name of others) await started.get(name)?.opened();
  let handshakes = 0;
  for (const name of first)
    void started
      .get(name)
      ?.opened()
      .then(() => handshakes++);
  // Sessions that wait for their first place come first.
  await vi.advanceTimersByTimeAsync(0);
  expect(handshakes).toBe(0);
  for (const name of others) started.get(name)?.end();
  await vi.advanceTimersByTimeAsync(2 * dialMs);
  expect(handshakes).toBe(first.length);
});

test("a session that ends while it waits for its place before the handshake keeps no place", async () => {
  await start(true, ...many("alice", 2 * (concurrentLogins - 1)));
  const first = [...started.values()];
  await vi.advanceTimersByTimeAsync(dialMs);
  const others = [...started.values()].slice(first.length);
  for (const login of others) await login.opened();
  const waiting = first.map((login) => login.opened());
  for (const login of [...first, ...others]) login.end();
  await Promise.all(waiting);
  await start(true, ...many("bob"));
  expect([...started.keys()].filter((name) => name.startsWith("bob/")).length).toBe(concurrentLogins - 1);
});

test("a session without a proxy keeps its place until its login ends", async () => {
  await start(false, ...many("alice"));
  const before = started.size;
  await vi.advanceTimersByTimeAsync(10 * dialMs);
  expect(started.size).toBe(before);
  for (const login of started.values()) login.end();
  await vi.advanceTimersByTimeAsync(0);
  expect(started.size).toBe(2 * before);
});
