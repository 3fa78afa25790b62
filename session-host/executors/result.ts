import type { proto } from "@whiskeysockets/baileys";
import type { Change } from "../ledger/change.ts";

/** Something that a mutation says to WhatsApp under an id of its own. */
export interface Stanza {
  /** The same on every try, so that WhatsApp's clients know a second one as a repetition. */
  waId: string;
  jid: string;
  message: proto.IMessage;
  /** Of the `message` node, as `edit`. */
  attributes: Record<string, string>;
  /** Of what belongs to a status: whom WhatsApp gives it to. */
  audience?: readonly string[];
}

/**
 * What a mutation comes to when there is more to it than its output. With a stanza it is done when WhatsApp has acknowledged that, and
 * begun again on the next connection when it has not.
 */
export class ExecutorResult<Output> {
  readonly output: Output;
  /** Recorded together with the end of the command. */
  readonly change: Change;
  readonly stanza: Stanza | undefined;

  constructor(output: Output, change: Change, stanza?: Stanza) {
    this.output = output;
    this.change = change;
    this.stanza = stanza;
  }
}
