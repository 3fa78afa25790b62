import type { proto } from "@whiskeysockets/baileys";
import type { Change } from "../ledger/change.ts";

/** A message that a mutation sends to WhatsApp under a fixed id. */
export interface Stanza {
  /** The same on every attempt, so that WhatsApp's clients recognize a repetition. */
  waId: string;
  jid: string;
  message: proto.IMessage;
  /** Attributes of the `message` node, such as `edit`. */
  attributes: Record<string, string>;
  /** For a message that belongs to a status post: who receives it. */
  audience?: readonly string[];
}

/**
 * The result of an executor that has more than an output. A mutation with a stanza is done when WhatsApp acknowledges the stanza, and
 * is run again on the next connection otherwise.
 */
export class ExecutorResult<Output> {
  readonly output: Output;
  /** Recorded in one transaction with the end of the command. */
  readonly change: Change;
  readonly stanza: Stanza | undefined;

  constructor(output: Output, change: Change, stanza?: Stanza) {
    this.output = output;
    this.change = change;
    this.stanza = stanza;
  }
}
