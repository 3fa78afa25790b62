import type { InstanceStatus } from "../../core/instance/instance.sql.ts";
import { needsUser } from "../../core/instance/needs-user.ts";
import { type Change, type InstanceFields, noLinkCodes } from "../ledger/change.ts";
import { StatusWaiters } from "./status-waiters.ts";

/** The connection state of an instance, and the changes that record its transitions. */
export class SessionState {
  #status: InstanceStatus;
  /** Whether a phone has linked this device. */
  linked: boolean;
  readonly #waiters = new StatusWaiters();

  constructor({ status, linked }: { status: InstanceStatus; linked: boolean }) {
    this.#status = status;
    this.linked = linked;
  }

  get status(): InstanceStatus {
    return this.#status;
  }

  get needsUser(): boolean {
    return needsUser({ status: this.#status, linked: this.linked });
  }

  /** Waits until the state is `status`. Throws `whatsapp_error` after `timeoutMs`. */
  async until(status: InstanceStatus, timeoutMs: number): Promise<void> {
    if (this.#status !== status) await this.#waiters.until(status, timeoutMs);
  }

  /** Enters a state immediately. Returns the change that records it, with an event if the state is different. */
  enter(status: InstanceStatus, reason: string | null, fields: InstanceFields = noLinkCodes): Change {
    const changed = status !== this.#status;
    this.#status = status;
    this.#waiters.reached(status);
    return {
      instance: { ...fields, status, status_reason: reason, ...(changed ? { status_at: new Date() } : {}) },
      events: changed ? [{ type: "connection.update", data: { status, reason } }] : [],
    };
  }

  /** Enters `logged_out`. The change removes the credentials and the session's keys. */
  enterLoggedOut(reason: string, details: { by: "user" | "whatsapp"; wasLinked?: boolean }): Change {
    this.linked = false;
    return {
      ...this.enter("logged_out", reason, { ...noLinkCodes, linked_at: null, desired: "stopped" }),
      forgetSession: true,
      activities: [{ action: "logged_out", details }],
    };
  }
}

/** Adds a `connection.close` event to a change. */
export function withCloseEvent(change: Change, reason: string, willReconnect: boolean): Change {
  const event = { type: "connection.close" as const, data: { reason, willReconnect } };
  return { ...change, events: [...(change.events ?? []), event] };
}

/** Adds a `connection.close` event and an entry of the activity log to a change. */
export function withCloseEventAndActivity(change: Change, reason: string, willReconnect: boolean): Change {
  const activities = [{ action: "connection_closed" as const, details: { reason, willReconnect } }];
  return { ...withCloseEvent(change, reason, willReconnect), activities };
}
