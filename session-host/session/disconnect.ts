import { DisconnectReason } from "@whiskeysockets/baileys";

/** Why a connection has ended, and what to do next. */
export interface Verdict {
  /** The reason for `statusReason` and events. */
  reason: string;
  /** `now`: WhatsApp requires it. `later`: after a growing delay. `never`: only when the user starts the instance. */
  reconnect: "now" | "later" | "never";
  /** Whether WhatsApp unlinked the device, which makes the credentials useless. */
  loggedOut: boolean;
}

const verdicts: Record<number, Verdict> = {
  [DisconnectReason.restartRequired]: { reason: "restart_required", reconnect: "now", loggedOut: false },
  // Two hosts that both reconnect after 440 would replace each other forever.
  [DisconnectReason.connectionReplaced]: { reason: "replaced", reconnect: "never", loggedOut: false },
  [DisconnectReason.loggedOut]: { reason: "logout", reconnect: "never", loggedOut: true },
  [DisconnectReason.forbidden]: { reason: "banned", reconnect: "never", loggedOut: false },
  [DisconnectReason.multideviceMismatch]: { reason: "multidevice_required", reconnect: "never", loggedOut: false },
  405: { reason: "client_outdated", reconnect: "later", loggedOut: false },
  [DisconnectReason.timedOut]: { reason: "connection_lost", reconnect: "later", loggedOut: false },
  [DisconnectReason.connectionClosed]: { reason: "connection_closed", reconnect: "later", loggedOut: false },
  [DisconnectReason.badSession]: { reason: "server_error", reconnect: "later", loggedOut: false },
  [DisconnectReason.unavailableService]: { reason: "service_unavailable", reconnect: "later", loggedOut: false },
  429: { reason: "rate_limited", reconnect: "later", loggedOut: false },
};

/**
 * Baileys' error messages for a server whose certificate chain does not end at WhatsApp's root key
 * (`Utils/noise-handler.js`).
 */
const untrusted = /^(?:invalid noise|noise (?:intermediate )?certificate|certification match failed)/;

/**
 * Returns the verdict on the error with which Baileys closed a socket. The error is a Boom error whose `statusCode` is
 * a `DisconnectReason`. Baileys puts the HTTP status of a refused WebSocket upgrade into the same field, but such an
 * error does not concern the account: a 401 from a proxy is not a logout.
 */
export function judge(error: unknown): Verdict {
  const code = (error as { output?: { statusCode?: number } } | undefined)?.output?.statusCode;
  if (error instanceof Error && untrusted.test(error.message)) {
    return { reason: "certificate_invalid", reconnect: "later", loggedOut: false };
  }
  const fromTransport = error instanceof Error && error.message.startsWith("WebSocket Error");
  const known = fromTransport || code === undefined ? undefined : verdicts[code];
  return known ?? { reason: "connection_lost", reconnect: "later", loggedOut: false };
}

/**
 * Returns the delay before reconnect number `attempt` (from 0) in milliseconds. The delay is at most 1 s at first, and
 * the maximum doubles up to 60 s. Half of the delay is random, so that hosts do not reconnect at the same time.
 */
export function backoff(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(60_000, 1000 * 2 ** attempt);
  return ceiling / 2 + random() * (ceiling / 2);
}
