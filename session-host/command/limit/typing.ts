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
  /** Receives the send whose lead-in is over, and those that came for the same chat meanwhile, in order. */
  onTyped: (commands: OrderedCommand[]) => void;
}

interface Chat {
  commands: OrderedCommand[];
  timer: NodeJS.Timeout;
  isShown: boolean;
}

/**
 * How often the typing state is repeated. Clients stop showing it if nothing follows: mautrix-whatsapp shows it for 15 s
 * (`handleWAChatPresence` in pkg/connector/handlewhatsapp.go).
 */
const repeatMs = 10_000;

/**
 * The sends of one instance that are delayed, or before which the recipient sees "typing…". They delay only their own
 * chat.
 */
export class Typing {
  readonly #deps: TypingDeps;
  /** By chat: the send in its lead-in, then those that wait behind it. */
  readonly #chats = new Map<string, Chat>();

  constructor(deps: TypingDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return [...this.#chats.values()].reduce((sum, { commands }) => sum + commands.length, 0);
  }

  /** Lets a send wait behind the lead-in of another send in the same chat. Returns false if there is none. */
  holds(command: OrderedCommand): boolean {
    const chat = this.#chats.get(command.chatId ?? "");
    chat?.commands.push(command);
    return chat !== undefined;
  }

  /** Begins the lead-in of a send. */
  begin(command: OrderedCommand, leadIn: LeadIn): void {
    const type = () => this.#type(command, leadIn.typingMs, leadIn.state);
    if (leadIn.delayMs > 0) this.#waitFor(command, leadIn.delayMs, type);
    else type();
  }

  /** Ends all lead-ins, because the connection ends. Returns the sends. */
  clear(): OrderedCommand[] {
    const chats = [...this.#chats.values()];
    this.#chats.clear();
    for (const { timer } of chats) clearTimeout(timer);
    return chats.flatMap(({ commands }) => commands);
  }

  /** Shows typing for `leftMs` more milliseconds, then ends the lead-in. */
  #type(command: OrderedCommand, leftMs: number, state: TypingState): void {
    if (leftMs <= 0) {
      this.#end(command);
      return;
    }
    const partMs = Math.min(leftMs, repeatMs);
    this.#waitFor(command, partMs, () => this.#type(command, leftMs - partMs, state));
    const chat = this.#chats.get(command.chatId ?? "");
    if (chat) chat.isShown = true;
    // Failing to show it is no reason not to send.
    this.#deps.show(command, state).catch(() => undefined);
  }

  #waitFor(command: OrderedCommand, ms: number, next: () => void): void {
    const id = command.chatId ?? "";
    const { commands = [command], isShown = false } = this.#chats.get(id) ?? {};
    this.#chats.set(id, { commands, isShown, timer: setTimeout(next, ms) });
  }

  #end(typed: OrderedCommand): void {
    const chat = typed.chatId ?? "";
    const { commands = [typed], isShown = false } = this.#chats.get(chat) ?? {};
    this.#chats.delete(chat);
    typed.isTyped = true;
    if (isShown) this.#deps.show(typed, "paused").catch(() => undefined);
    this.#deps.onTyped(commands);
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
