import { Boom } from "@hapi/boom";
import { expect, test } from "vitest";
import { backoff, judge } from "../../../session-host/session/disconnect.ts";

const closed = (statusCode: number) => new Boom("Stream Errored", { statusCode });

test("a host reconnects at once after 515", () => {
  expect(judge(closed(515))).toEqual({ reason: "restart_required", reconnect: "now", loggedOut: false });
});

test("a host does not reconnect after 440, which means that another connection replaced its own", () => {
  expect(judge(closed(440))).toEqual({ reason: "replaced", reconnect: "never", loggedOut: false });
});

test("a host treats a 401 from WhatsApp as a logout", () => {
  expect(judge(closed(401))).toEqual({ reason: "logout", reconnect: "never", loggedOut: true });
});

test("a host does not treat a 401 from a proxy as a logout", () => {
  const refused = new Boom("WebSocket Error (Unexpected server response: 401)", { statusCode: 401 });
  expect(judge(refused)).toEqual({ reason: "connection_lost", reconnect: "later", loggedOut: false });
});

test("a host reconnects later after an unknown reason", () => {
  expect(judge(undefined).reconnect).toBe("later");
  expect(judge(new Error("read ECONNRESET")).reconnect).toBe("later");
  expect(judge(closed(599)).reconnect).toBe("later");
});

test("reconnect pauses double up to a minute, and half of each is random", () => {
  expect([0, 1, 2, 3].map((attempt) => backoff(attempt, () => 1))).toEqual([1000, 2000, 4000, 8000]);
  expect([0, 1, 2, 3].map((attempt) => backoff(attempt, () => 0))).toEqual([500, 1000, 2000, 4000]);
  expect(backoff(50, () => 1)).toBe(60_000);
});
