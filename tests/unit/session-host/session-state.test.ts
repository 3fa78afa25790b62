import { expect, test } from "vitest";
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
