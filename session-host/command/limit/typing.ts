import type { SendName } from "../../../core/command/catalog/index.ts";
import type { Pace, SendOptions } from "../../../core/restriction/index.ts";
import type { Claimed, OrderedCommand } from "../claim/claimed-command.ts";
import { typingMs } from "./pacer.ts";

type TypingState = "composing" | "recording";

/** What happens before a send goes out. */
export interface LeadIn {
  /** How long the send is delayed, before the recipient sees typing. Milliseconds. */
  delayMs: number;
  /** How long the recipient sees typing. Milliseconds. 0 means not at all. */
  typingMs: number;
  state: TypingState;
}

export interface TypingDeps {
  /** Shows or hides "typing…" or "recording audio…" in the chat of a send. */
  show: (command: OrderedCommand, state: TypingState | "paused") => Promise<void>;
  /** Receives the send whose lead-in is over. */
  onTyped: (command: OrderedCommand) => void;
}

interface Begun {
  command: OrderedCommand;
  timer: NodeJS.Timeout;
  isShown: boolean;
}

/**
 * How often the typing state is repeated. Clients stop showing it if nothing follows: mautrix-whatsapp shows it for 15 s
 * (`handleWAChatPresence` in pkg/connector/handlewhatsapp.go).
 */
const repeatMs = 10_000;

/** The sends of one instance that are delayed, or before which the recipient sees "typing…". */
export class Typing {
  readonly #deps: TypingDeps;
  /** By command id. */
  readonly #begun = new Map<string, Begun>();

  constructor(deps: TypingDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#begun.size;
  }

  /** Begins the lead-in of a send. */
  begin(command: OrderedCommand, leadIn: LeadIn): void {
    const type = () => this.#type(command, leadIn.typingMs, leadIn.state);
    if (leadIn.delayMs > 0) this.#waitFor(command, leadIn.delayMs, type);
    else type();
  }

  /** Ends the lead-ins of the sends that match, hides that they are typed, and returns them. */
  takeIf(matches: (command: OrderedCommand) => boolean): OrderedCommand[] {
    const taken = [...this.#begun.values()].filter(({ command }) => matches(command));
    for (const { command } of taken) this.#forget(command);
    return taken.map(({ command }) => command);
  }

  /** Ends all lead-ins, because the connection ends. Returns the sends. */
  clear(): OrderedCommand[] {
    const all = [...this.#begun.values()];
    this.#begun.clear();
    for (const { timer } of all) clearTimeout(timer);
    return all.map(({ command }) => command);
  }

  /** Shows typing for `leftMs` more milliseconds, then ends the lead-in. */
  #type(command: OrderedCommand, leftMs: number, state: TypingState): void {
    if (leftMs <= 0) {
      this.#end(command);
      return;
    }
    const partMs = Math.min(leftMs, repeatMs);
    this.#waitFor(command, partMs, () => this.#type(command, leftMs - partMs, state));
    const begun = this.#begun.get(command.id);
    if (begun) begun.isShown = true;
    // Failing to show it is no reason not to send.
    this.#deps.show(command, state).catch(() => undefined);
  }

  #waitFor(command: OrderedCommand, ms: number, next: () => void): void {
    const isShown = this.#begun.get(command.id)?.isShown ?? false;
    this.#begun.set(command.id, { command, isShown, timer: setTimeout(next, ms) });
  }

  #end(command: OrderedCommand): void {
    this.#forget(command);
    command.isTyped = true;
    this.#deps.onTyped(command);
  }

  #forget(command: OrderedCommand): void {
    const begun = this.#begun.get(command.id);
    clearTimeout(begun?.timer);
    this.#begun.delete(command.id);
    if (begun?.isShown) this.#deps.show(command, "paused").catch(() => undefined);
  }
}

/** Returns the lead-in of a send, or undefined if it goes out at once. `inChat`: whether its chat can show typing. */
export function leadInOf(
  { name, input, options }: Pick<Claimed<SendName>, "name" | "input" | "options">,
  pace: Pace | undefined,
  inChat: boolean,
): LeadIn | undefined {
  const { typing = pace?.typing === true && name === "message.sendText", delay = 0 }: SendOptions = options ?? {};
  const shownMs = typing === true ? typingMs(lengthOf(input)) : Number(typing);
  const leadIn: LeadIn = {
    delayMs: delay,
    typingMs: inChat ? shownMs : 0,
    state: "voice" in input && input.voice ? "recording" : "composing",
  };
  return leadIn.delayMs + leadIn.typingMs > 0 ? leadIn : undefined;
}

/** Returns how many characters of text a send has. */
function lengthOf(input: Claimed<SendName>["input"]): number {
  const text = "text" in input ? input.text : "caption" in input ? input.caption : undefined;
  return (text ?? "").length;
}
