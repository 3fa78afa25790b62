import type { BinaryNode } from "@whiskeysockets/baileys";
import { boundId } from "../../core/bound.ts";
import type { Logger } from "../../core/log.ts";
import type { Change } from "../ledger/change.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Gate } from "./connection/gate.ts";

export interface RecorderOptions {
  ledger: Pick<Ledger, "append">;
  gate: Gate;
  log: Logger;
  instanceId: string;
  /** Called with each change once it is durable. */
  onDurable(change: Change): void;
}

/**
 * Records the changes of one connection in the ledger, and makes the gate hold later frames back until they are
 * durable.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  /** Resolves when the last recorded change is durable or has failed. */
  #last: Promise<unknown> = Promise.resolve();
  /** The last change that waits for its turn in `recordInOrder`. */
  #turn: Promise<unknown> | undefined;
  #closed = false;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** Resolves when the change is durable. Rejects if it can't be stored, which also ends the connection. */
  readonly record = (change: Change): Promise<void> => {
    if (this.#closed) return Promise.reject(new Error("the connection is closed"));
    const { ledger, gate, instanceId, onDurable } = this.#options;
    const durable = ledger.append(instanceId, change);
    gate.holdUntil(durable);
    this.#last = durable.then(() => onDurable(change), this.fail);
    return durable;
  };

  /** Records a change without waiting for it. */
  readonly recordInBackground = (change: Change): void => void this.record(change).catch(this.fail);

  /**
   * Records the change that a stanza makes. Some changes need a lookup first. All changes are recorded in the order of
   * the stanzas, and before the answers to the stanzas are sent.
   */
  recordInOrder({ attrs }: BinaryNode, change: Change | Promise<Change> | undefined): void {
    if (!change) return;
    const correlationId = boundId(attrs.id ?? "");
    if (!this.#turn && !(change instanceof Promise)) {
      this.recordInBackground({ ...change, correlationId });
      return;
    }
    const recorded = Promise.all([change, this.#turn]).then(([known]) => this.record({ ...known, correlationId }));
    const settled = recorded.catch(this.fail).then(() => {
      if (this.#turn === settled) this.#turn = undefined;
    });
    this.#turn = settled;
    this.#options.gate.holdUntil(recorded);
  }

  /** Ends the connection because its state can't be stored. No further frame may be sent. */
  readonly fail = (error: unknown): void => {
    const { gate, log, instanceId } = this.#options;
    if (!gate.failed) log.error({ err: error, instanceId }, "the session stops because its state cannot be stored");
    gate.fail();
  };

  /** Rejects further changes. Resolves when all earlier changes are durable or have failed. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
  }
}
