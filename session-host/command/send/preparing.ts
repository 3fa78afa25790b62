import type { OrderedCommand } from "../claim/claimed-command.ts";

/**
 * How many files and pages one instance fetches, converts and uploads at once. If one takes long, the others
 * still have room. Conversions of all instances also share the turns of `session-host/media`.
 */
const maxAtOnce = 4;

/** Whether a command needs a file or page before its stanza. The caller's server then decides how long that takes. */
export function isSlow(command: OrderedCommand): boolean {
  const { name, input } = command;
  switch (name) {
    case "message.sendText":
      return "linkPreview" in input && Boolean(input.linkPreview);
    case "message.sendMedia":
    case "message.sendLink":
    case "message.forward":
    case "status.sendMedia":
    case "profile.setPicture":
    case "group.setPicture":
      return true;
    case "channel.create":
      return "url" in input || "upload" in input;
    default:
      return false;
  }
}

type Failure = { error: unknown } | undefined;

/** The slow work of one instance that runs outside the turns of its queue. */
export class Preparing {
  readonly #onRoom: () => void;
  readonly #sends = new Map<OrderedCommand, AbortController>();
  readonly #mutations = new Set<OrderedCommand>();
  /** Including work that was canceled and has not ended yet. */
  #working = 0;

  /** `onRoom` is called when there is room for another command. */
  constructor(onRoom: () => void) {
    this.#onRoom = onRoom;
  }

  get size(): number {
    return this.#sends.size + this.#mutations.size;
  }

  get isFull(): boolean {
    return this.#working >= maxAtOnce;
  }

  /** Whether a mutation runs. */
  get isChanging(): boolean {
    return this.#mutations.size > 0;
  }

  /** Prepares a send. `onPrepared` is called with the error if that fails, and not at all if the send is canceled. */
  prepare(
    command: OrderedCommand,
    work: (signal: AbortSignal) => Promise<unknown>,
    onPrepared: (failure: Failure) => Promise<void>,
  ): void {
    const cancel = new AbortController();
    this.#sends.set(command, cancel);
    this.#working++;
    const onEnd = (failure: Failure) => {
      this.#working--;
      if (this.#sends.get(command) !== cancel) return this.#onRoom();
      this.#sends.delete(command);
      void onPrepared(failure);
    };
    work(cancel.signal).then(
      () => onEnd(undefined),
      (error: unknown) => onEnd({ error }),
    );
  }

  /** Runs a mutation. `work` handles its own failures. */
  run(command: OrderedCommand, work: () => Promise<void>): void {
    this.#mutations.add(command);
    this.#working++;
    void work().finally(() => {
      this.#mutations.delete(command);
      this.#working--;
      this.#onRoom();
    });
  }

  /** Cancels the preparation of the sends that match, and returns them. */
  cancelIf(matches: (command: OrderedCommand) => boolean): OrderedCommand[] {
    const canceled = [...this.#sends].filter(([command]) => matches(command));
    for (const [command, cancel] of canceled) {
      this.#sends.delete(command);
      cancel.abort();
    }
    return canceled.map(([command]) => command);
  }
}
