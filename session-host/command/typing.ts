import type { SendName } from "../../core/command/catalog/index.ts";
import type { Claimed, OrderedCommand } from "./claimed-command.ts";
import { typingMs } from "./pacer.ts";

export interface TypingDeps {
  /** Shows or hides "typing…" in the chat of a send. */
  show: (command: OrderedCommand, state: "composing" | "paused") => Promise<void>;
  /** Receives the send that was typed, and those that came for the same chat meanwhile, in order. */
  onTyped: (commands: OrderedCommand[]) => void;
}

/** The sends of one instance before which the recipient sees "typing…". They delay only their own chat. */
export class Typing {
  readonly #deps: TypingDeps;
  /** By chat: the send that is typed, then those that wait behind it. */
  readonly #chats = new Map<string, { commands: OrderedCommand[]; timer: NodeJS.Timeout }>();

  constructor(deps: TypingDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return [...this.#chats.values()].reduce((sum, { commands }) => sum + commands.length, 0);
  }

  /** Lets a send wait behind one that is typed in the same chat. Returns false if there is none. */
  holds(command: OrderedCommand): boolean {
    const chat = this.#chats.get(command.chatId ?? "");
    chat?.commands.push(command);
    return chat !== undefined;
  }

  /** Begins to type a send. */
  begin(command: OrderedCommand, length: number): void {
    const chat = command.chatId ?? "";
    const timer = setTimeout(() => this.#end(chat), typingMs(length));
    this.#chats.set(chat, { commands: [command], timer });
    // Failing to show it is no reason not to send.
    this.#deps.show(command, "composing").catch(() => undefined);
  }

  /** Stops all typing, because the connection ends. Returns the sends. */
  clear(): OrderedCommand[] {
    const chats = [...this.#chats.values()];
    this.#chats.clear();
    for (const { timer } of chats) clearTimeout(timer);
    return chats.flatMap(({ commands }) => commands);
  }

  #end(chat: string): void {
    const { commands = [] } = this.#chats.get(chat) ?? {};
    this.#chats.delete(chat);
    const [typed] = commands;
    if (!typed) return;
    typed.isTyped = true;
    this.#deps.show(typed, "paused").catch(() => undefined);
    this.#deps.onTyped(commands);
  }
}

/** Returns how many characters of text a send has. */
export function lengthOf(input: Claimed<SendName>["input"]): number {
  const text = "text" in input ? input.text : "caption" in input ? input.caption : undefined;
  return (text ?? "").length;
}
