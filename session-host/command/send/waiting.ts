import { isSend, type OrderedCommand } from "../claim/claimed-command.ts";
import { heldLinesOf, isBehindPace, linesOf, mutationLine } from "./lines.ts";

/** Returns why a command can't run now, for a reason that the queue doesn't know: the pace, or no room for slow work. */
export type HoldOf = (command: OrderedCommand) => "pace" | "room" | undefined;

/** The commands of one instance that wait for their turn. */
export class Waiting {
  #commands: OrderedCommand[] = [];
  /** Number of sends of high priority. */
  #high = 0;
  /** Timers of the commands that are tried again after a pause, by command id. */
  readonly #paused = new Map<string, NodeJS.Timeout>();
  /** The lines of the commands that have left the queue and still hold the later ones, by command id. */
  readonly #holding = new Map<string, string[]>();
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

  /**
   * Lets a command that has left the queue hold the later ones in its lines, until it is released or put back. Returns a
   * function that releases it, unless it was put back and holds them anew.
   */
  hold(command: OrderedCommand): () => void {
    const lines = heldLinesOf(command).filter((line) => line !== mutationLine);
    this.#holding.set(command.id, lines);
    return () => {
      if (this.#holding.get(command.id) === lines) this.release(command);
    };
  }

  release(command: OrderedCommand): void {
    this.#holding.delete(command.id);
  }

  /** Returns commands to their positions. Ignores those that wait already. */
  putBack(...commands: OrderedCommand[]): void {
    for (const command of commands) this.release(command);
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
   * Returns the next command, or undefined if none is ready. A command that is held or paused holds the later ones in its
   * lines, but a mutation holds all later mutations only if it is paused. A send of high priority passes other sends, but
   * neither those to its chat nor mutations.
   */
  next(holdOf: HoldOf): OrderedCommand | undefined {
    return this.#urgent(holdOf) ?? this.#first(holdOf);
  }

  #first(holdOf: HoldOf): OrderedCommand | undefined {
    const [first] = this.#commands;
    if (!first || (this.#paused.size === 0 && this.#holding.size === 0 && !holdOf(first))) return first;
    const blocked = this.#heldLines();
    for (const command of this.#commands) {
      const lines = linesOf(command);
      const isPaused = this.#paused.has(command.id);
      const isFree = !isPaused && !lines.some((line) => blocked.has(line));
      const hold = isFree ? holdOf(command) : undefined;
      if (isFree && !hold) return command;
      const isPaced = hold === "pace" || (!isPaused && isBehindPace(command, blocked));
      for (const line of heldLinesOf(command, isPaced)) if (isPaused || line !== mutationLine) blocked.add(line);
    }
    return undefined;
  }

  /** Returns the first send of high priority that may pass all commands before it. */
  #urgent(holdOf: HoldOf): OrderedCommand | undefined {
    if (this.#high === 0) return undefined;
    const earlier = this.#heldLines();
    for (const command of this.#commands) {
      if (!isSend(command)) return undefined;
      const lines = linesOf(command);
      const isReady = !this.#paused.has(command.id) && !lines.some((line) => earlier.has(line));
      if (isReady && isHigh(command) && !holdOf(command)) return command;
      for (const line of lines) earlier.add(line);
    }
    return undefined;
  }

  #heldLines(): Set<string> {
    return new Set([...this.#holding.values()].flat());
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
    if (command === this.#commands[0]) {
      this.#commands.shift();
      if (isHigh(command)) this.#high--;
    } else this.#keep((waiting) => waiting !== command);
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

const isHigh = (command: OrderedCommand): boolean => command.options?.priority === "high";

export const isLate = (command: OrderedCommand): boolean => command.deadline.getTime() < Date.now();
