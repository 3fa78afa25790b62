import type { BinaryNode } from "@whiskeysockets/baileys";
import type { Logger } from "../../core/log.ts";
import type { Change } from "../ledger/change.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Gate } from "./gate.ts";

export interface RecorderOptions {
  ledger: Pick<Ledger, "append">;
  gate: Gate;
  log: Logger;
  instanceId: string;
  /** Called with each change once it is durable. */
  onDurable(change: Change): void;
}

/** Writes what one connection learns to the ledger. The gate holds frames back until the changes before them are durable. */
export class Recorder {
  readonly #options: RecorderOptions;
  #last: Promise<unknown> = Promise.resolve();
  /** The last change that waits for its turn in `keepInOrder`. */
  #turn: Promise<unknown> | undefined;
  #closed = false;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** Resolves when the change is durable. Rejects when it cannot be stored, which also ends the connection. */
  readonly record = (change: Change): Promise<void> => {
    if (this.#closed) return Promise.reject(new Error("the connection is closed"));
    const { ledger, gate, instanceId, onDurable } = this.#options;
    const durable = ledger.append(instanceId, change);
    gate.record(durable);
    this.#last = durable.then(() => onDurable(change), this.fail);
    return durable;
  };

  /** Records a change without waiting for it. */
  readonly keep = (change: Change): void => void this.record(change).catch(this.fail);

  /**
   * Records the change that a stanza makes. Some changes are known later than their stanzas; all are recorded in the order of the
   * stanzas, and before the answers to them.
   */
  keepInOrder({ attrs: { id: correlationId } }: BinaryNode, change: Change | Promise<Change> | undefined): void {
    if (!change) return;
    if (!this.#turn && !(change instanceof Promise)) {
      this.keep({ ...change, correlationId });
      return;
    }
    const recorded = Promise.all([change, this.#turn]).then(([known]) => this.record({ ...known, correlationId }));
    const settled = recorded.catch(this.fail).then(() => {
      if (this.#turn === settled) this.#turn = undefined;
    });
    this.#turn = settled;
    this.#options.gate.record(recorded);
  }

  /** The session's state cannot be kept: no frame may leave any more. */
  readonly fail = (error: unknown): void => {
    const { gate, log, instanceId } = this.#options;
    if (!gate.failed) log.error({ err: error, instanceId }, "the session stops because its state cannot be stored");
    gate.fail();
  };

  /** Refuses further changes. Resolves when those recorded before are durable or refused. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
  }
}
