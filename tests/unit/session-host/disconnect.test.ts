import { Boom } from "@hapi/boom";
import { describe, expect, test } from "vitest";
import { backoff, judge } from "../../../session-host/session/connection/disconnect.ts";

const now = new Date("2026-11-30T12:00:00Z");
/** The errors with which Baileys closes a socket (`CB:failure` and `CB:stream:error` in `Socket/socket.js`). */
const failure = (reason: number, attrs: Record<string, string> = {}) =>
  judge(
    new Boom("Connection Failure", { statusCode: reason, data: { reason: String(reason), location: "frc", ...attrs } }),
    now,
  );
const streamError = (statusCode: number, child?: { tag: string; attrs?: Record<string, string> }) =>
  judge(
    new Boom(`Stream Errored (${child?.tag ?? "unknown"})`, { statusCode, data: child ?? { tag: "stream:error" } }),
  );

describe("a failed login", () => {
  test.each([
    [400, "login_refused", "slowly", false],
    [401, "logout", "never", true],
    [402, "temporarily_banned", "later", false],
    [403, "account_locked", "never", true],
    [405, "client_outdated", "later", false],
    [406, "banned", "never", true],
    [409, "user_agent_rejected", "never", false],
    [413, "login_refused", "slowly", false],
    [415, "login_refused", "slowly", false],
    [418, "login_refused", "slowly", false],
    [429, "rate_limited", "slowly", false],
    [500, "server_error", "later", false],
    [501, "login_refused", "slowly", false],
    [503, "service_unavailable", "later", false],
    [599, "login_refused", "slowly", false],
  ])(
    "with the code %i has the reason %s, reconnects %s, and drops the credentials: %s",
    (code, reason, reconnect, loggedOut) => {
      expect(failure(code)).toMatchObject({ reason, reconnect, loggedOut });
    },
  );

  test("that is not known says the code", () => {
    expect(failure(418).details).toContain("code 418");
  });

  test("with 403 repeats what WhatsApp says", () => {
    const { details } = failure(403, { logout_message_header: "Locked", logout_message_subtext: "Call us" });
    expect(details).toMatch(/WhatsApp locked the account.*WhatsApp says: Locked\. Call us/);
  });
});

describe("a temporary ban", () => {
  test("ends after the seconds in `expire`, and names its cause", () => {
    const { until, details } = failure(402, { expire: "5400", code: "101" });
    expect(until).toEqual(new Date("2026-11-30T13:30:00Z"));
    expect(details).toContain("2026-11-30T13:30:00.000Z");
    expect(details).toContain("address books");
  });

  test.each([{}, { expire: "0" }, { expire: "soon" }])(
    "without a known end (%j) is tried again after an hour",
    (attrs) => {
      expect(failure(402, attrs).until).toEqual(new Date("2026-11-30T13:00:00Z"));
    },
  );

  test("of more years than a date can have does not fail", () => {
    expect(failure(402, { expire: "9e99" }).until?.getUTCFullYear()).toBe(9999);
  });
});

describe("a stream error", () => {
  test.each([
    ["515", 515, undefined, "restart_required", "now", false],
    ["503", 503, undefined, "service_unavailable", "later", false],
    ["the conflict `replaced`", 440, { tag: "conflict", attrs: { type: "replaced" } }, "replaced", "never", false],
    [
      "401 with the conflict `replaced`",
      401,
      { tag: "conflict", attrs: { type: "replaced" } },
      "replaced",
      "never",
      false,
    ],
    ["401 with `device_removed`", 401, { tag: "conflict", attrs: { type: "device_removed" } }, "logout", "never", true],
    [
      "`device_removed` without a code",
      440,
      { tag: "conflict", attrs: { type: "device_removed" } },
      "logout",
      "never",
      true,
    ],
    ["401 without a conflict", 401, undefined, "connection_lost", "later", false],
    ["516", 516, undefined, "connection_lost", "later", false],
    ["a malformed stanza", 500, { tag: "xml-not-well-formed" }, "server_error", "later", false],
  ])("with %s", (_what, code, child, reason, reconnect, loggedOut) => {
    expect(streamError(code, child)).toMatchObject({ reason, reconnect, loggedOut });
  });
});

test("a host does not treat a 401 from a proxy as a logout", () => {
  const refused = new Boom("WebSocket Error (Unexpected server response: 401)", { statusCode: 401 });
  expect(judge(refused)).toMatchObject({ reason: "connection_lost", reconnect: "later", loggedOut: false });
});

test("a host reconnects later after an error that does not come from WhatsApp", () => {
  expect(judge(undefined).reconnect).toBe("later");
  expect(judge(new Error("read ECONNRESET")).reconnect).toBe("later");
  expect(judge(new Boom("not-authorized", { statusCode: 401 }))).toMatchObject({
    reconnect: "later",
    loggedOut: false,
  });
});

test("reconnect pauses double up to a minute, and half of each is random", () => {
  expect([0, 1, 2, 3].map((attempt) => backoff(attempt, "later", () => 1))).toEqual([1000, 2000, 4000, 8000]);
  expect([0, 1, 2, 3].map((attempt) => backoff(attempt, "later", () => 0))).toEqual([500, 1000, 2000, 4000]);
  expect(backoff(50, "later", () => 1)).toBe(60_000);
});

test("pauses after a refused login double from a minute up to an hour", () => {
  expect([0, 1, 2].map((attempt) => backoff(attempt, "slowly", () => 1))).toEqual([60_000, 120_000, 240_000]);
  expect(backoff(50, "slowly", () => 1)).toBe(3_600_000);
});
