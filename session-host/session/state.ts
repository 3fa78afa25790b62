import { AppError } from "../../core/error.ts";
import type { NewEvent } from "../../core/event/catalog/index.ts";
import type { InstanceStatus } from "../../core/instance/instance.sql.ts";
import { needsUser } from "../../core/instance/needs-user.ts";
import { actionableReasons, explainReason, guideTo, isActionable } from "../../core/instance/reason.ts";
import { type Change, type InstanceFields, noLinkCodes } from "../ledger/change.ts";
import type { Verdict } from "./connection/disconnect.ts";
import { StatusWaiters } from "./status-waiters.ts";

/** More about a reason: an explanation for people, and when the reason ends. */
export type Cause = Pick<Verdict, "details" | "until">;

/** The state of an instance in the database. */
export interface StoredState {
  status: InstanceStatus;
  statusReason: string | null;
  statusUntil: Date | null;
  linked: boolean;
}

/**
 * The reasons whose stored end is not the end of a ban. With every other reason, for example `disabled`, the stored end
 * is the end of a ban that continues.
 */
const reasonsWithOwnEnd: ReadonlySet<string | null> = new Set(["passkey_required", "pairing_code_refused"]);

/** The connection state of an instance, and the changes that record its transitions. */
export class SessionState {
  #status: InstanceStatus;
  #reason: string | null;
  /** When the reason ends. */
  #until: Date | null;
  #details: string | null = null;
  /** The end of the last ban. It stays when the reason changes, for example when the user stops the instance. */
  #bannedUntil: Date | null;
  /** Whether a phone has linked this device. */
  linked: boolean;
  readonly #waiters = new StatusWaiters();

  constructor({ status, statusReason, statusUntil, linked }: StoredState) {
    this.#status = status;
    this.#reason = statusReason;
    this.#until = statusUntil;
    this.#bannedUntil = reasonsWithOwnEnd.has(statusReason) ? null : statusUntil;
    this.linked = linked;
  }

  get status(): InstanceStatus {
    return this.#status;
  }

  get reason(): string | null {
    return this.#reason;
  }

  get needsUser(): boolean {
    return needsUser({ status: this.#status, linked: this.linked });
  }

  /** The end of a ban that has not ended. No host connects the instance before. */
  bannedUntil(now = Date.now()): Date | null {
    return this.#bannedUntil && this.#bannedUntil.getTime() > now ? this.#bannedUntil : null;
  }

  /**
   * Waits until the session offers a pairing. Throws `whatsapp_error` after `timeoutMs`, and `pairing_code_refused`
   * during a ban.
   */
  async untilPairing(timeoutMs: number): Promise<void> {
    const banned = this.bannedUntil();
    if (banned) throw new AppError("pairing_code_refused", banCause(banned).details ?? undefined);
    if (this.#status === "qr") return;
    await this.#waiters.until("qr", timeoutMs).catch((error: unknown) => {
      if (!isActionable(this.#reason)) throw error;
      throw new AppError("pairing_code_refused", explainReason(this.#reason, this.#details), { cause: error });
    });
  }

  /**
   * Enters a state immediately. Returns the change that records it. If the state is different, or the reason is a new
   * one that a person can act on, the change has events.
   */
  enter(
    status: InstanceStatus,
    reason: string | null,
    fields: InstanceFields = noLinkCodes,
    cause: Cause = { details: null, until: null },
  ): Change {
    const { details, until } = cause;
    const problem = details !== null && isActionable(reason) && !this.#isCurrent(reason, until);
    const changed = status !== this.#status || problem;
    if (status !== this.#status) this.#waiters.reached(status);
    this.#status = status;
    this.#reason = reason;
    this.#until = until;
    this.#details = details;
    if (reason === "temporarily_banned") this.#bannedUntil = until;
    if (status === "connected" || status === "logged_out") this.#bannedUntil = null;
    const end = until?.toISOString() ?? null;
    const events: NewEvent[] = changed
      ? [{ type: "connection.update", data: { status, reason, ...(end ? { until: end } : {}) } }]
      : [];
    if (problem)
      events.push({ type: "connection.problem", data: { reason, details, until: end, guide: guideTo(reason) } });
    return {
      instance: {
        ...fields,
        status,
        status_reason: reason,
        status_details: details,
        status_until: until ?? this.bannedUntil(),
        ...(changed ? { status_at: new Date() } : {}),
      },
      events,
    };
  }

  /** Enters `qr` with a new code. A refused pairing code stays the reason, because it is not the end of this state. */
  enterQr(fields: InstanceFields): Change {
    const refused = this.#status === "qr" && this.#reason === "pairing_code_refused";
    if (!refused) return this.enter("qr", null, fields);
    return this.enter("qr", this.#reason, fields, { details: this.#details, until: this.#until });
  }

  /** Enters `logged_out`. The change removes the credentials and the session's keys. */
  enterLoggedOut(reason: string, log: { by: "user" | "whatsapp"; wasLinked?: boolean }, cause?: Cause): Change {
    this.linked = false;
    return {
      ...this.enter("logged_out", reason, { ...noLinkCodes, linked_at: null, desired: "stopped" }, cause),
      forgetSession: true,
      activities: [{ action: "logged_out", details: log }],
    };
  }

  #isCurrent(reason: string, until: Date | null): boolean {
    return reason === this.#reason && until?.getTime() === this.#until?.getTime();
  }
}

/** The cause of `temporarily_banned` when the ban was recorded before. */
export const banCause = (until: Date): Cause => ({
  details: `${actionableReasons.temporarily_banned}. The ban ends at ${until.toISOString()}`,
  until,
});

/** Why a connection was closed. */
type Closed = Pick<Verdict, "reason"> & Partial<Cause>;

/** Adds a `connection.close` event to a change. */
export function withCloseEvent(change: Change, { reason, until }: Closed, willReconnect: boolean): Change {
  const end = until ? { until: until.toISOString() } : {};
  const event = { type: "connection.close" as const, data: { reason, willReconnect, ...end } };
  return { ...change, events: [...(change.events ?? []), event] };
}

/** Adds a `connection.close` event and an entry of the activity log to a change. */
export function withCloseEventAndActivity(change: Change, closed: Closed, willReconnect: boolean): Change {
  const details = { reason: closed.reason, willReconnect };
  const activities = [{ action: "connection_closed" as const, details }];
  return { ...withCloseEvent(change, closed, willReconnect), activities };
}
