import { AppError } from "../error.ts";

/** Throws `rate_limited` while requests for a pairing code are paused, because WhatsApp refused one with 429. */
export function assertNoPairingPause(blockedUntil: Date | null, now: Date): void {
  if (!blockedUntil || blockedUntil <= now) return;
  const retryAfter = Math.ceil((blockedUntil.getTime() - now.getTime()) / 1000);
  const details = `WhatsApp refused a pairing code because there were too many requests: try again in ${retryAfter} s, or scan a QR code`;
  throw new AppError("rate_limited", details, { data: { retryAfter } });
}
