import { ProxyError } from "../../../core/egress/error.ts";
import { actionableReasons, isActionable } from "../../../core/instance/reason.ts";

/** Why a connection has ended, and what to do next. */
export interface Verdict {
  /** The reason for `statusReason` and events. */
  reason: string;
  /**
   * `now`: WhatsApp requires it. `later`: after a growing delay. `slowly`: after a longer growing delay, because WhatsApp
   * has refused the login and a repeat will probably not help. `never`: only when the user starts the instance.
   */
  reconnect: "now" | "later" | "slowly" | "never";
  /** Whether WhatsApp ended the link, which makes the credentials useless. */
  loggedOut: boolean;
  /** What has happened and what to do, for people. */
  details: string | null;
  /** Not to reconnect before this time. */
  until: Date | null;
}

type Entry = Pick<Verdict, "reason" | "reconnect" | "loggedOut">;

/**
 * What WhatsApp's `<failure reason="…">` means, by its code, and how Baileys reports other ends of a connection. Sources:
 * `ConnectFailureReason` in whatsmeow's `types/events/events.go`, `handleConnectFailure` in its `connectionevents.go`, and
 * `DisconnectReason` in Baileys' `Types/index.d.ts`. whatsmeow deletes the credentials after 401, 403 and 406. It
 * reconnects by itself only after 500 and 503. A code that is not in the table is handled like 400.
 */
const verdicts = {
  401: { reason: "logout", reconnect: "never", loggedOut: true },
  402: { reason: "temporarily_banned", reconnect: "later", loggedOut: false },
  // WhatsApp Web calls it LOCKED. It also comes when the owner has moved to another phone.
  403: { reason: "account_locked", reconnect: "never", loggedOut: true },
  405: { reason: "client_outdated", reconnect: "later", loggedOut: false },
  // WhatsApp Web calls it BANNED.
  406: { reason: "banned", reconnect: "never", loggedOut: true },
  // Baileys: no answer within its time limit, or no QR code left.
  408: { reason: "connection_lost", reconnect: "later", loggedOut: false },
  409: { reason: "user_agent_rejected", reconnect: "never", loggedOut: false },
  // Baileys: `<ib><downgrade_webclient>`. The phone does not support linked devices.
  411: { reason: "multidevice_required", reconnect: "never", loggedOut: false },
  // Baileys: the WebSocket was closed.
  428: { reason: "connection_closed", reconnect: "later", loggedOut: false },
  429: { reason: "rate_limited", reconnect: "slowly", loggedOut: false },
  // Baileys: `<stream:error><conflict type="replaced">`. Two hosts that both reconnect would replace each other forever.
  440: { reason: "replaced", reconnect: "never", loggedOut: false },
  500: { reason: "server_error", reconnect: "later", loggedOut: false },
  503: { reason: "service_unavailable", reconnect: "later", loggedOut: false },
  515: { reason: "restart_required", reconnect: "now", loggedOut: false },
} as const satisfies Record<number, Entry>;

type Code = keyof typeof verdicts;
const isKnown = (code: number): code is Code => Object.hasOwn(verdicts, code);

const lost: Entry = verdicts[408];
/** Codes of Baileys' own errors that this table explains. Its other errors don't come from WhatsApp. */
const ownCodes: readonly number[] = [408, 411, 428, 500];
/** Codes of `<stream:error>` that have the same meaning as a failure. */
const streamCodes: readonly number[] = [500, 503, 515];

/** Why WhatsApp banned an account, by the `code` of the failure. Source: `TempBanReason` in whatsmeow's `events.go`. */
const banReasons: Readonly<Record<string, string>> = {
  101: "too many messages to people who don't have the account in their address books",
  102: "too many people blocked the account",
  103: "too many groups with people who don't have the account in their address books",
  104: "the same message to too many people",
  106: "too many messages to a broadcast list",
};
/** How long to wait if WhatsApp does not name the end of a ban, in milliseconds. */
const unknownBanMs = 60 * 60_000;

/**
 * Baileys' error messages for a server whose certificate chain does not end at WhatsApp's root key
 * (`Utils/noise-handler.js`).
 */
const untrusted = /^(?:invalid noise|noise (?:intermediate )?certificate|certification match failed)/;

/** The parts of Baileys' Boom errors that are used here. `data` is the attributes of `<failure>`, or a node. */
interface BaileysError {
  output?: { statusCode?: number };
  data?: Record<string, unknown> | null;
}

/**
 * Returns the verdict on the error with which Baileys closed a socket (`Socket/socket.js`). Baileys puts the HTTP status
 * of a refused WebSocket upgrade into the same field as WhatsApp's codes, but such an error does not concern the account:
 * a 401 from a proxy is not a logout.
 */
export function judge(error: unknown, now = new Date()): Verdict {
  const { output, data } = (error ?? {}) as BaileysError;
  const code = output?.statusCode;
  const message = error instanceof Error ? error.message : "";
  if (untrusted.test(message)) return verdict({ ...lost, reason: "certificate_invalid" });
  if (data instanceof ProxyError) return verdict({ ...lost, reason: "proxy_failed" }, data.message);
  if (message.startsWith("WebSocket Error") || code === undefined) return verdict(lost);
  if (message.startsWith("Stream Errored")) return judgeStreamError(code, data);
  if (message === "Connection Failure") return judgeFailure(code, data ?? {}, now);
  return verdict(isKnown(code) && ownCodes.includes(code) ? verdicts[code] : lost);
}

/**
 * `<stream:error>`. Only a conflict says that the device was removed or replaced (`handleStreamError` in whatsmeow's
 * `connectionevents.go`). After any other error, the next login says whether the device is still linked, for example
 * after 516, which WhatsApp sends when a phone drops the device that it has just linked (Baileys#701 and 1778).
 */
function judgeStreamError(code: number, data: BaileysError["data"]): Verdict {
  const { tag, attrs } = (data ?? {}) as { tag?: string; attrs?: { type?: string } };
  if (tag === "conflict" && attrs?.type === "device_removed") return verdict(verdicts[401]);
  if (tag === "conflict") return verdict(verdicts[440]);
  if (isKnown(code) && streamCodes.includes(code)) return verdict(verdicts[code]);
  return verdict(lost, `WhatsApp ended the connection with the stream error ${code}`);
}

function judgeFailure(code: number, attrs: Record<string, unknown>, now: Date): Verdict {
  if (code === 402) return judgeBan(attrs, now);
  if (isKnown(code)) return verdict(verdicts[code], textOf(attrs));
  const refused: Entry = { reason: "login_refused", reconnect: "slowly", loggedOut: false };
  return verdict(refused, `WhatsApp refused the login with the code ${code}`);
}

/** `expire` is in seconds. Zero or none means that WhatsApp does not name the end. */
function judgeBan({ expire, code }: Record<string, unknown>, now: Date): Verdict {
  const seconds = Number(expire);
  const named = Number.isFinite(seconds) && seconds > 0;
  const until = new Date(Math.min(now.getTime() + (named ? seconds * 1000 : unknownBanMs), maxTime));
  const why = banReasons[String(code)] ?? `the rules of WhatsApp${code === undefined ? "" : ` (code ${String(code)})`}`;
  const end = named
    ? `until ${until.toISOString()}`
    : `for an unknown time: the session tries again at ${until.toISOString()}`;
  const details = `WhatsApp banned the account ${end}, because of ${why}. The session reconnects by itself after the ban`;
  return { ...verdict(verdicts[402], details), until };
}

/** Later times have no ISO form with a year of four digits. */
const maxTime = Date.UTC(9999, 0);

/** Returns WhatsApp's own words for people, which come with 403 (`handleConnectFailure` in whatsmeow). */
function textOf({ logout_message_header: header, logout_message_subtext: subtext }: Record<string, unknown>) {
  const words = [header, subtext].filter((text): text is string => typeof text === "string" && text !== "");
  return words.length > 0 ? `WhatsApp says: ${words.join(". ")}`.slice(0, 500) : null;
}

/** Returns a verdict whose details are the explanation of the reason, and `details`. */
function verdict(entry: Entry, details: string | null = null): Verdict {
  const known = isActionable(entry.reason) ? actionableReasons[entry.reason] : null;
  return { ...entry, details: [known, details].filter(Boolean).join(". ") || null, until: null };
}

/** Returns the verdict on an end of the connection that WhatsApp did not cause. */
export const closing = (reason: string, reconnect: "later" | "never"): Verdict =>
  verdict({ reason, reconnect, loggedOut: false });

/** WhatsApp has just refused the only known client version. */
export const outdated: Verdict = verdict(verdicts[405]);

/**
 * Returns the delay before reconnect number `attempt` (from 0) in milliseconds. The delay is at most 1 s at first, and
 * the maximum doubles up to 60 s. After a refused login (`slowly`), it is at most 1 minute at first, and doubles up to an
 * hour. Half of the delay is random, so that sessions do not reconnect at the same time.
 */
export function backoff(attempt: number, pace: "later" | "slowly" = "later", random: () => number = Math.random) {
  const [first, longest] = pace === "later" ? [1000, 60_000] : [60_000, 3_600_000];
  const ceiling = Math.min(longest, first * 2 ** attempt);
  return ceiling / 2 + random() * (ceiling / 2);
}
