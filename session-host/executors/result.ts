import type { proto } from "@whiskeysockets/baileys";
import type { Change } from "../ledger/change.ts";

/** A message that a mutation sends to WhatsApp under a fixed id. */
export interface Stanza {
  /** The message id, which is the same on every attempt, so that WhatsApp's clients recognize a repeated message. */
  waId: string;
  jid: string;
  message: proto.IMessage;
  /** Attributes of the `message` node, such as `edit`. */
  attributes: Record<string, string>;
  /** For a message about a status post: JIDs of the people who receive the message. */
  audience?: readonly string[];
}

/**
 * The result of an executor that returns more than an output. A mutation with a stanza is done when WhatsApp
 * acknowledges the stanza. If the connection ends before that, the mutation runs again on the next connection.
 */
export class ExecutorResult<Output> {
  readonly output: Output;
  /** The change that is recorded in one transaction with the end of the command. */
  readonly change: Change;
  readonly stanza: Stanza | undefined;

  constructor(output: Output, change: Change, stanza?: Stanza) {
    this.output = output;
    this.change = change;
    this.stanza = stanza;
  }
}
