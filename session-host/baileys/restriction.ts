import type { NewChatMessageCapInfo, ReachoutTimelockState } from "@whiskeysockets/baileys";
import { AppError, type ErrorCode } from "../../core/error.ts";

/** A restriction as WhatsApp reports it. */
export type RestrictionReport =
  | { timeLock: { isActive: boolean; until: Date | undefined; type: string } }
  | { newChatCap: { used: number; quota: number; reached: boolean; until: Date } };

/**
 * Converts the state that Baileys reads from a notification or the answer to a query. Sources: `handleReachoutTimelockNotification`
 * in Baileys' Socket/messages-recv.js, `NotifyAccountReachoutTimelock` in whatsmeow's types/events/events.go.
 */
export const timeLockReport = (state: ReachoutTimelockState): RestrictionReport => ({
  timeLock: {
    isActive: state.isActive ?? false,
    until:
      state.timeEnforcementEnds && Number.isFinite(state.timeEnforcementEnds.getTime())
        ? state.timeEnforcementEnds
        : undefined,
    type: String(state.enforcementType ?? "DEFAULT").slice(0, 100),
  },
});

/** Times above this are milliseconds. As seconds, it is the year 5138. */
const maxSeconds = 1e11;

/** Converts the cap. Returns undefined if the account has none. Source: `NewChatMessageCapInfo` in Baileys' Types/State.d.ts. */
export function capReport(info: NewChatMessageCapInfo | null | undefined): RestrictionReport | undefined {
  const { total_quota, used_quota, cycle_end_timestamp, capping_status } = info ?? {};
  const quota = Math.trunc(Number(total_quota));
  const used = Math.trunc(Number(used_quota ?? 0));
  const end = Number(cycle_end_timestamp);
  const until = new Date(end > maxSeconds ? end : end * 1000);
  if (!(quota > 0) || !(used >= 0) || !(end > 0) || Number.isNaN(until.getTime())) return undefined;
  const reached = capping_status === undefined ? used >= quota : String(capping_status) === "CAPPED";
  return { newChatCap: { used, quota, reached, until } };
}

/** The codes with which WhatsApp refuses a message, and what they mean. Other codes are a `whatsapp_error`. */
const meanings: Readonly<Record<string, [ErrorCode, string]>> = {
  // `NackCallerReachoutTimelocked`. WhatsApp Web's name for it, and that the account itself may be free of restrictions:
  // https://github.com/WhiskeySockets/Baileys/issues/2441 and https://github.com/evolution-foundation/evolution-go/issues/50.
  "463": ["account_restricted", "WhatsApp does not let this account write to this person first (463)"],
  "429": ["rate_limited", "WhatsApp refused the message, because this account sends too many (429)"],
  // `SmaxInvalid` in Baileys' Utils/decode-wa-message.js.
  "479": ["whatsapp_error", "WhatsApp refused the message as malformed, or encrypted for outdated devices (479)"],
};

/** Returns the error of a message that WhatsApp refused with this code. */
export function refusalError(code: string): AppError {
  const [name, details] = meanings[code] ?? ["whatsapp_error", `WhatsApp refused the message with error ${code}`];
  return new AppError(name, details);
}
