import { Scheduled } from "./faults.ts";

/** A `<failure>`: its `reason`, and for a temporary ban (402) its end in seconds and its cause. */
export type Failure = {
  reason: number;
  expire?: number;
  code?: number;
  /** The texts that come with 403. */
  header?: string;
  subtext?: string;
};

/** Returns the attributes of the `<failure>` stanza. Source: `handleConnectFailure` in whatsmeow's connectionevents.go. */
export function failureAttrs({ reason, expire, code, header, subtext }: Failure): Record<string, string> {
  return {
    reason: String(reason),
    location: "sim",
    ...(expire === undefined ? {} : { expire: String(expire) }),
    ...(code === undefined ? {} : { code: String(code) }),
    ...(header === undefined ? {} : { logout_message_header: header }),
    ...(subtext === undefined ? {} : { logout_message_subtext: subtext }),
  };
}

/** Whether WhatsApp lets the devices of an account log in. */
export class Standing {
  /** Failures of the next logins of the account's devices. */
  readonly failures = new Scheduled<Failure>();
  /** Codes of the refusals of the next requests for a linking code. */
  readonly codeRefusals = new Scheduled<number>();
  /** Number of requests for a linking code. */
  codeRequests = 0;
  /** Number of logins that were refused because of a failure or a ban. */
  refusedLogins = 0;
  #ban: { until: number; code: number } | undefined;

  /** Bans the account until a time in milliseconds since the epoch. */
  ban(until: number, code: number): void {
    this.#ban = { until, code };
  }

  /** Returns why a login is refused now, or undefined if the login is accepted. */
  refusal(now: number): Failure | undefined {
    const ban = this.#ban && this.#ban.until > now ? this.#ban : undefined;
    const failure = ban
      ? { reason: 402, expire: Math.ceil((ban.until - now) / 1000), code: ban.code }
      : this.failures.take();
    if (failure) this.refusedLogins++;
    return failure;
  }
}
