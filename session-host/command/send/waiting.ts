import { isSend, type OrderedCommand } from "../claim/claimed-command.ts";

/** The commands of one instance that wait for their turn. */
export class Waiting {
  #commands: OrderedCommand[] = [];
  /** Number of sends of high priority. */
  #high = 0;
  /** Timers of the commands that are tried again after a pause, by command id. */
  readonly #paused = new Map<string, NodeJS.Timeout>();
  readonly #onReady: () => void;

  /** `onReady` is called when the pause of a command ends. */
  constructor(onReady: () => void) {
    this.#onReady = onReady;
  }

  get size(): number {
    return this.#commands.length;
  }

  /** Adds a new command at its position, which is nearly always the end. */
  push(command: OrderedCommand): void {
    const before = this.#commands.findLastIndex(({ position }) => position <= command.position);
    this.#commands.splice(before + 1, 0, command);
    if (isHigh(command)) this.#high++;
  }

  /** Returns commands to their positions. Ignores those that wait already. */
  putBack(...commands: OrderedCommand[]): void {
    const returned = commands.filter(({ id }) => !this.#commands.some((waiting) => waiting.id === id));
    this.#commands = [...returned, ...this.#commands].sort((a, b) => a.position - b.position);
    this.#high += returned.filter(isHigh).length;
  }

  /** Returns a command to its position, and lets it wait there. It delays no sends to other chats. */
  putBackFor(ms: number, command: OrderedCommand): void {
    this.putBack(command);
    if (ms === 0) return;
    clearTimeout(this.#paused.get(command.id));
    const timer = setTimeout(() => {
      this.#paused.delete(command.id);
      this.#onReady();
    }, ms);
    this.#paused.set(command.id, timer);
  }

  /**
   * Returns the next command, or undefined if none is ready. Behind a paused send, the later sends to its chat wait, and
   * behind a paused mutation the later mutations. A send of high priority passes other sends, but neither those to its
   * chat nor mutations.
   */
  get next(): OrderedCommand | undefined {
    return this.#urgent() ?? this.#first();
  }

  #first(): OrderedCommand | undefined {
    if (this.#paused.size === 0) return this.#commands[0];
    const blocked = new Set<string>();
    for (const command of this.#commands) {
      const line = lineOf(command);
      if (this.#paused.has(command.id)) blocked.add(line);
      if (!blocked.has(line)) return command;
    }
    return undefined;
  }

  /** Returns the first send of high priority that may pass all commands before it. */
  #urgent(): OrderedCommand | undefined {
    if (this.#high === 0) return undefined;
    const earlier = new Set<string>();
    for (const command of this.#commands) {
      if (!isSend(command)) return undefined;
      const line = lineOf(command);
      if (isHigh(command) && !earlier.has(line) && !this.#paused.has(command.id)) return command;
      earlier.add(line);
    }
    return undefined;
  }

  /** Removes the commands that match, and returns them. */
  takeIf(matches: (command: OrderedCommand) => boolean): OrderedCommand[] {
    const taken = this.#commands.filter(matches);
    for (const { id } of taken) {
      clearTimeout(this.#paused.get(id));
      this.#paused.delete(id);
    }
    this.#keep((command) => !taken.includes(command));
    return taken;
  }

  /** Removes a command whose turn it is. */
  take(command: OrderedCommand): void {
    this.#keep((waiting) => waiting !== command);
  }

  #keep(isKept: (command: OrderedCommand) => boolean): void {
    this.#commands = this.#commands.filter(isKept);
    if (this.#high > 0) this.#high = this.#commands.filter(isHigh).length;
  }

  /** Removes the commands that are past their deadline, and returns them. */
  takeLate(): OrderedCommand[] {
    const late = this.#commands.filter(isLate);
    if (late.length > 0) this.#keep((command) => !late.includes(command));
    return late;
  }

  /** Removes all commands, and returns them. */
  takeAll(): OrderedCommand[] {
    this.endPauses();
    this.#high = 0;
    return this.#commands.splice(0);
  }

  /** Ends all pauses. */
  endPauses(): void {
    for (const timer of this.#paused.values()) clearTimeout(timer);
    this.#paused.clear();
  }
}

/** Commands in the same line keep their order. */
const lineOf = (command: OrderedCommand): string => (isSend(command) ? `chat ${command.chatId}` : "mutations");

const isHigh = (command: OrderedCommand): boolean => command.options?.priority === "high";

export const isLate = (command: OrderedCommand): boolean => command.deadline.getTime() < Date.now();
