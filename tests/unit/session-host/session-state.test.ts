import { expect, onTestFinished, test, vi } from "vitest";
import { createLogger } from "../../../core/log.ts";
import { defaultPace } from "../../../core/restriction/index.ts";
import { updateSettings } from "../../../session-host/executors/instance.ts";
import { LoginPlaces } from "../../../session-host/session/connection/login-places.ts";
import { Session } from "../../../session-host/session/session.ts";
import type { SessionDeps } from "../../../session-host/session/session-deps.ts";
import { banCause, SessionState } from "../../../session-host/session/state.ts";

const until = new Date(Date.now() + 600_000);
const stored = (statusReason: string | null) =>
  new SessionState({ status: "connecting", statusReason, statusUntil: until, linked: false });

test.each([
  ["temporarily_banned", until],
  // The user stopped the instance during a ban.
  ["disabled", until],
  ["passkey_required", null],
  ["pairing_code_refused", null],
])("after a restart of the host, the stored end of %s counts as a ban only if there was one", (reason, banned) => {
  expect(stored(reason).bannedUntil()).toEqual(banned);
});

test("the end of a ban stays stored after the user stops the instance, until the account connects", () => {
  const state = new SessionState({ status: "connected", statusReason: null, statusUntil: null, linked: true });
  state.enter("connecting", "temporarily_banned", {}, banCause(until));
  expect(state.enter("disconnected", "disabled").instance).toMatchObject({ status_until: until });
  expect(state.enter("connected", null).instance).toMatchObject({ status_until: null });
});

test.each([
  ["reconnects for a setting that an open connection can't change", false, 2],
  ["stays stopped if it was stopped while its settings changed", true, 1],
])("a session %s", async (_, isStopped, opened) => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const stored = { presence: "unavailable", proxy: null, desired: "running", deviceName: null, linkedAt: new Date() };
  const pace = Promise.withResolvers<typeof defaultPace>();
  let opens = 0;
  const nothing = async () => undefined;
  const deps = {
    log: createLogger("test", "silent"),
    clock: { now: () => new Date() },
    db: { sql: async () => [{ ...stored }] },
    ledger: { append: nothing },
    heldBack: { pace: () => pace.promise },
    logins: new LoginPlaces(),
    transfers: { disconnected: () => undefined },
    // Without a version, the session waits before it opens a connection.
    version: { next: async () => void opens++ },
  };
  const row = { id: "instance", userId: "user", linked: true, pairingCodesBlockedUntil: null };
  const session = new Session(deps as unknown as SessionDeps, {
    ...row,
    ...{ status: "disconnected", statusReason: null, statusUntil: null },
  });
  await session.start();
  stored.presence = "available";
  const updated = updateSettings(session, {}, "change").catch(() => undefined);
  await vi.advanceTimersByTimeAsync(0);
  if (isStopped) await session.disable();
  pace.resolve(defaultPace);
  await updated;
  expect(opens).toBe(opened);
  session.kill();
});
