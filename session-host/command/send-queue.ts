import { proto } from "@whiskeysockets/baileys";
import { LRUCache } from "lru-cache";
import { type CommandInput, commandCatalog } from "../../core/command/catalog/index.ts";
import { AppError } from "../../core/error.ts";
import { derivedMessageId } from "../../core/id.ts";
import type { Logger } from "../../core/log.ts";
import { isChannelJid } from "../../core/message/recipient.ts";
import { readAudience, statusChat } from "../../core/message/status.ts";
import { relayPost } from "../baileys/newsletter-send.ts";
import { executors } from "../executors/index.ts";
import { ExecutorResult, type Stanza } from "../executors/result.ts";
import type { ConnectedContext, MutationContext } from "../executors/types.ts";
import type { Change } from "../ledger/change.ts";
import type { ClaimedCommand } from "./claim.ts";
import { addressees } from "./status-retry.ts";
import { traceOf } from "./trace.ts";

/** Stanzas on their way at once. More would only wait in WhatsApp's queue, and come again after a lost connection. */
const window = 64;
/** WhatsApp acknowledges in well under a second; a link that is silent for so long is dead, whatever the socket says. */
const ackTimeoutMs = 15_000;
/** A command that fails for a reason that may pass is begun so many times. */
const maxTries = 3;
/** A command that was begun so often, over restarts of the host, is perhaps what brings the host down. */
const maxAttempts = 5;

export interface SendQueueDeps {
  log: Logger;
  record: (change: Change) => Promise<void>;
  /** Notes that a command is begun that handles a stranger's bytes; answers how often it has been. */
  countAttempt: (commandId: string) => Promise<number>;
  /** The link is silent: the connection must be given up. */
  onSilence: () => void;
  /** Milliseconds, monotonic. */
  monotonic?: () => number;
}

interface Flight {
  command: ClaimedCommand;
  since: number;
  /** Of a mutation: what to record when it is acknowledged. */
  done?: Change;
}

/** What mutations said, by its id, so that a device that could not decrypt it can have it again. */
const maxRecalled = 200;

/**
 * The ordered work of one instance: sends, and the mutations between them. A send is done when WhatsApp acknowledges it; what
 * it has not acknowledged when the connection ends is sent again under the same id on the next one, before anything newer.
 */
export class SendQueue {
  readonly #deps: SendQueueDeps;
  #waiting: ClaimedCommand[] = [];
  readonly #flying = new Map<string, Flight>();
  #context: ConnectedContext | undefined;
  #pumping = false;
  #finishing = false;
  #onIdle: () => void = () => undefined;
  #watch: NodeJS.Timeout | undefined;
  readonly #tries = new Map<string, number>();
  readonly #said = new LRUCache<string, proto.IMessage>({ max: maxRecalled });

  constructor(deps: SendQueueDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#waiting.length + this.#flying.size;
  }

  /** Whether this command waits or flies already: a queue may bring it twice. */
  has(id: string): boolean {
    return (
      this.#waiting.some((command) => command.id === id) ||
      [...this.#flying.values()].some((flight) => flight.command.id === id)
    );
  }

  push(command: ClaimedCommand): void {
    this.#waiting.push(command);
    void this.#pump();
  }

  /** The connection is open. */
  resume(context: ConnectedContext): void {
    this.#context = context;
    this.#watch ??= setInterval(() => this.#checkSilence(), 1000);
    void this.#pump();
  }

  /** The connection has ended: what was not acknowledged goes back to the head of the queue, in its order. */
  pause(): void {
    this.#context = undefined;
    this.#finishing = false;
    this.#onIdle();
    clearInterval(this.#watch);
    this.#watch = undefined;
    const unacknowledged = [...this.#flying.values()].map((flight) => flight.command);
    this.#flying.clear();
    this.#waiting = [...unacknowledged, ...this.#waiting].sort((a, b) => a.position - b.position);
  }

  /** Begins nothing more, and waits up to `timeoutMs` for what is under way to be acknowledged. What waits stays claimed. */
  async finish(timeoutMs: number): Promise<void> {
    this.#finishing = true;
    if (!this.#busy) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    const timer = setTimeout(resolve, timeoutMs);
    await promise;
    clearTimeout(timer);
  }

  get #busy(): boolean {
    return this.#pumping || this.#flying.size > 0;
  }

  /** Empties the queue, failing all that is in it: the instance will not be connected again. */
  async failAll(error: AppError): Promise<void> {
    this.pause();
    const all = this.#waiting.splice(0);
    await Promise.all(all.map((command) => this.#deps.record(failure(command, error))));
  }

  acknowledge(waId: string, error: string | undefined): void {
    const flight = this.#flying.get(waId);
    if (!flight) return;
    this.#flying.delete(waId);
    this.#tries.delete(flight.command.id);
    const { command } = flight;
    const change: Change = error
      ? failure(command, new AppError("whatsapp_error", `WhatsApp refused the message with error ${error}`))
      : (flight.done ?? {
          acks: [{ waId }],
          commands: [{ id: command.id, name: command.name, status: "done", output: { messageId: waId } }],
          correlationId: command.correlationId,
        });
    this.#keep(command, change);
    void this.#pump();
  }

  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#context && !this.#finishing && this.#waiting.length > 0 && this.#flying.size < window) {
        const command = this.#waiting.shift();
        if (command) await this.#begin(command, this.#context);
      }
    } finally {
      this.#pumping = false;
      if (!this.#busy) this.#onIdle();
    }
  }

  /** Gives up what has waited too long for the connection, which may be away for days. */
  expire(): void {
    const late = this.#waiting.filter(isLate);
    if (late.length === 0) return;
    this.#waiting = this.#waiting.filter((command) => !isLate(command));
    for (const command of late) this.#giveUp(command);
  }

  #giveUp(command: ClaimedCommand): void {
    // What was said and not acknowledged may have been done.
    const error = this.#said.has(derivedMessageId(command.id))
      ? new AppError("outcome_unknown", "WhatsApp did not acknowledge it in time")
      : new AppError("command_expired", "it waited too long for the instance");
    this.#keep(command, failure(command, error));
  }

  async #begin(command: ClaimedCommand, context: ConnectedContext): Promise<void> {
    if (isLate(command)) return this.#giveUp(command);
    try {
      if (command.kind === "send") await this.#send(command, context);
      else await this.#mutate(command, context);
    } catch (error) {
      for (const [waId, flight] of this.#flying) if (flight.command === command) this.#flying.delete(waId);
      this.#onFailure(command, context, error);
    }
  }

  /** The message under this id that a mutation sent since this session began. */
  recall(waId: string): proto.IMessage | undefined {
    return this.#said.get(waId);
  }

  async #mutate(command: ClaimedCommand, context: ConnectedContext): Promise<void> {
    const { change, stanza } = await run(command, context);
    if (!stanza) return this.#keep(command, change);
    if (this.#context !== context) {
      this.#waiting.unshift(command);
      return;
    }
    const { waId, jid, message, attributes: additionalAttributes, audience } = stanza;
    this.#said.set(waId, message);
    await this.#relay({ command, done: change }, context, { waId, jid, message, audience }, { additionalAttributes });
  }

  async #send(command: ClaimedCommand, context: ConnectedContext): Promise<void> {
    const waId = command.waId ?? "";
    let jid = command.chatId ?? "";
    let message: proto.IMessage;
    if (command.payload) {
      message = proto.Message.decode(command.payload);
      if (jid === statusChat) command.audience ??= await readAudience(context.db, context.instanceId, waId);
    } else {
      if (command.name !== "message.sendText" && (await this.#deps.countAttempt(command.id)) > maxAttempts) {
        throw new AppError("internal", "it was begun too often without an end");
      }
      const prepare = executors[command.name as "message.sendText"];
      const prepared = await prepare({ ...context, waId }, command.input as CommandInput<"message.sendText">);
      jid = prepared.jid;
      message = prepared.message;
      command.payload = Buffer.from(proto.Message.encode(proto.Message.fromObject(message)).finish());
      command.chatId = jid;
      command.audience = prepared.context?.audience;
      const { payload } = command;
      const { type, protoType, media, context: said } = prepared;
      // Not awaited: the gate lets the stanza out only after this.
      void this.#record(command, {
        prepared: [{ waId, payload, chatId: jid, type, protoType, context: said }],
        ...(media ? { messageUpdates: [{ waId, set: { media } }] } : {}),
      });
    }
    if (this.#context !== context) {
      this.#waiting.unshift(command);
      return;
    }
    const { audience } = command;
    await this.#relay({ command }, context, { waId, jid, message, audience }, { additionalNodes: metaOf(message) });
  }

  async #relay(
    what: Pick<Flight, "command" | "done">,
    { sock }: ConnectedContext,
    {
      waId,
      jid,
      message,
      audience,
    }: Pick<Stanza, "waId" | "jid" | "message"> & { audience?: readonly string[] | undefined },
    options: Partial<Parameters<ConnectedContext["sock"]["relayMessage"]>[2]>,
  ): Promise<void> {
    // To encrypt for a large audience takes its time, and is no silence of the link.
    const flight: Flight = { ...what, since: audience ? Number.POSITIVE_INFINITY : this.#now() };
    // Before the stanza leaves: its acknowledgement may be quicker than `relayMessage`.
    this.#flying.set(waId, flight);
    const statusJidList = audience && addressees(sock, audience);
    const relay = { messageId: waId, ...options, ...(statusJidList ? { statusJidList } : {}) };
    if (isChannelJid(jid)) await relayPost(sock, jid, message, relay);
    else await sock.relayMessage(jid, message, relay);
    if (audience) flight.since = this.#now();
  }

  #onFailure(command: ClaimedCommand, context: ConnectedContext, error: unknown): void {
    // What may have been done and must not be done twice is not begun again on the next connection.
    const unknown = error instanceof AppError && error.code === "outcome_unknown";
    if (this.#context !== context && !unknown) {
      this.#waiting.unshift(command);
      return;
    }
    const tries = (this.#tries.get(command.id) ?? 0) + 1;
    if (!(error instanceof AppError) && tries < maxTries) {
      this.#deps.log.warn({ ...traceOf(command), err: error, tries }, "a command failed and is tried again");
      this.#tries.set(command.id, tries);
      this.#waiting.unshift(command);
      return;
    }
    this.#tries.delete(command.id);
    this.#deps.log.warn({ ...traceOf(command), err: error }, "a command failed");
    const known = error instanceof AppError ? error : new AppError("whatsapp_error", describe(error));
    this.#keep(command, failure(command, known));
  }

  /** A result that cannot be stored leaves the command claimed: the next holder of the shard runs it again. */
  #keep(command: ClaimedCommand, change: Change): void {
    void this.#record(command, change);
  }

  async #record(command: ClaimedCommand, change: Change): Promise<void> {
    try {
      await this.#deps.record(change);
    } catch (error) {
      this.#deps.log.debug({ ...traceOf(command), err: error }, "a result was not kept");
    }
  }

  #checkSilence(): void {
    const oldest = this.#flying.values().next().value;
    if (oldest && this.#now() - oldest.since > ackTimeoutMs) this.#deps.onSilence();
  }

  #now(): number {
    return this.#deps.monotonic?.() ?? performance.now();
  }
}

/** What WhatsApp wants to know of a message besides its content, which it cannot read. */
function metaOf(message: proto.IMessage) {
  const { pollCreationMessage, pollCreationMessageV2, pollCreationMessageV3, eventMessage } = message;
  if (eventMessage) return [{ tag: "meta", attrs: { event_type: "creation" } }];
  const isPoll = pollCreationMessage ?? pollCreationMessageV2 ?? pollCreationMessageV3;
  return isPoll ? [{ tag: "meta", attrs: { polltype: "creation" } }] : [];
}

/** Runs a query on the open socket; answers what to record. */
export async function execute(command: ClaimedCommand, context: ConnectedContext): Promise<Change> {
  return (await run(command, context)).change;
}

async function run(command: ClaimedCommand, context: ConnectedContext): Promise<{ change: Change; stanza?: Stanza }> {
  const definition = commandCatalog[command.name];
  const executor = executors[command.name] as unknown as (context: MutationContext, input: unknown) => Promise<unknown>;
  const result = await executor({ ...context, commandId: command.id }, command.input);
  const outcome = result instanceof ExecutorResult ? result : new ExecutorResult(result, {});
  const output = definition.output.parse(outcome.output);
  const change: Change = {
    ...outcome.change,
    commands: [{ id: command.id, name: command.name, status: "done", output, secret: definition.secret }],
    correlationId: command.correlationId,
  };
  return outcome.stanza ? { change, stanza: outcome.stanza } : { change };
}

/** What is recorded of a command that failed: for a send, the message too, and the event that says so. */
export function failure(
  command: Pick<ClaimedCommand, "id" | "name" | "waId" | "chatId" | "correlationId">,
  error: AppError,
): Change {
  const details = error.details ?? null;
  const absent = error.data?.absent;
  return {
    ...(typeof absent === "string" ? { numbers: [{ jid: absent, exists: false }] } : {}),
    commands: [
      {
        ...{ id: command.id, name: command.name, status: "failed", errorCode: error.code },
        ...(details ? { errorDetails: details } : {}),
      },
    ],
    ...(command.waId
      ? {
          messageUpdates: [{ waId: command.waId, set: { status: "failed" as const, error: error.code } }],
          events: [
            {
              type: "message.failed" as const,
              data: { messageId: command.waId, chatId: command.chatId ?? "", code: error.code, details },
            },
          ],
        }
      : {}),
    correlationId: command.correlationId,
  };
}

const isLate = (command: ClaimedCommand) => command.deadline.getTime() < Date.now();

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
