import type { WASocket } from "@whiskeysockets/baileys";
import type { Database } from "../../core/db/index.ts";
import type { EventData } from "../../core/event/catalog/index.ts";
import { ringingCalls } from "../../core/event/ringing.ts";
import type { Logger } from "../../core/log.ts";
import { plainJid } from "../baileys/address/jids.ts";
import { callEventId, ringSeconds } from "../inbound/calls.ts";
import type { Change } from "../ledger/change.ts";

type Call = EventData<"call.received">;

export interface CallRejecterDeps {
  db: Database;
  sock: WASocket;
  instanceId: string;
  log: Logger;
  record: (change: Change) => Promise<void>;
}

/** Rejects the calls of one connection that the settings of the instance reject, once their events are durable. */
export class CallRejecter {
  readonly #deps: CallRejecterDeps;

  constructor(deps: CallRejecterDeps) {
    this.#deps = deps;
  }

  /** Rejects what an earlier connection did not, as long as it rings. Call this when the connection is open. */
  async start(): Promise<void> {
    const { db, instanceId } = this.#deps;
    await this.#logged(async () =>
      this.reject(await ringingCalls(db, instanceId, new Date(Date.now() - ringSeconds * 1000))),
    );
  }

  /** Rejects those of the calls that the settings reject. Rejecting a call again has no effect. */
  reject(calls: readonly Call[]): void {
    for (const call of calls) if (call.rejected) void this.#logged(() => this.#reject(call));
  }

  async #reject({ callId, creator, from, lid }: Call): Promise<void> {
    const { sock, instanceId, record } = this.#deps;
    await sock.rejectCall(callId, plainJid(creator));
    const timestamp = Math.floor(Date.now() / 1000);
    const data = { callId, from, lid, timestamp, by: "api" as const, automatic: true as const };
    await record({ events: [{ id: callEventId(instanceId, callId, "end"), type: "call.rejected", data }] });
  }

  async #logged(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      const { log, instanceId } = this.#deps;
      log.warn({ err: error, instanceId }, "a call could not be rejected");
    }
  }
}
