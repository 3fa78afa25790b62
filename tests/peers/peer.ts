import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { WhatsApp } from "../../simulator/server/whatsapp.ts";
import { Log } from "../support/simulator/client.ts";
import { program } from "./build.ts";

/** An event of the client: the name of whatsmeow's event type, and its content. */
export type PeerEvent = { event: string; data: unknown };

/** A received message. `content` is WhatsApp's protobuf as JSON. */
export type PeerMessage = {
  id: string;
  chat: string;
  sender: string;
  senderAlt: string;
  fromMe: boolean;
  pushName: string;
  edit: string;
  isEdit: boolean;
  content: Record<string, unknown>;
};

export type PeerReceipt = { ids: string[]; chat: string; sender: string; fromMe: boolean; type: string };
export type Sent = { id: string; sender: string; timestamp: number };
type Reply = { id: number; result?: unknown; error?: string };
type LogLine = { level: string; module: string; text: string };

/** A client on whatsmeow in a process of its own. Its keys and sessions are in a file, and survive `restart`. */
export class Peer {
  readonly #wa: WhatsApp;
  readonly #folder: string;
  /** whatsmeow warns if the server is the first to close the socket, or closes it without a status code. */
  readonly #expected: RegExp[] = [/Socket: Error (sending close to|reading from) websocket/];
  readonly #calls = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #process: ChildProcess | undefined;
  #lastCall = 0;
  /** All events, also those before a restart. */
  readonly events = new Log<PeerEvent>();

  private constructor(wa: WhatsApp, folder: string) {
    this.#wa = wa;
    this.#folder = folder;
  }

  /** Starts a client that is not linked yet. */
  static async start(wa: WhatsApp): Promise<Peer> {
    const peer = new Peer(wa, await mkdtemp(join(tmpdir(), "switchboard peer ü ")));
    peer.#spawn();
    return peer;
  }

  #spawn(): void {
    const { url, rootKey, mediaCa, mediaHost } = this.#wa;
    const settings = { url, rootKey, mediaCa, mediaHost, database: join(this.#folder, "store.db") };
    const child = spawn(program, [], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, PEER_SETTINGS: JSON.stringify(settings) },
    });
    this.#process = child;
    createInterface({ input: child.stdout }).on("line", (line) => this.#read(JSON.parse(line) as Reply | PeerEvent));
    child.on("exit", (code) => {
      for (const call of this.#calls.values()) call.reject(new Error(`the client ended with ${code}`));
      this.#calls.clear();
    });
  }

  #read(line: Reply | PeerEvent): void {
    if ("event" in line) {
      this.events.push(line);
      return;
    }
    const call = this.#calls.get(line.id);
    this.#calls.delete(line.id);
    if (line.error === undefined) call?.resolve(line.result);
    else call?.reject(new Error(line.error));
  }

  /** Runs an operation of `tests/peers/whatsmeow/commands.go`. Rejects with the error of whatsmeow. */
  call<Result = unknown>(op: string, args: Record<string, unknown> = {}): Promise<Result> {
    const id = ++this.#lastCall;
    return new Promise<unknown>((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#process?.stdin?.write(`${JSON.stringify({ id, op, args })}\n`);
    }) as Promise<Result>;
  }

  /** Resolves with the content of the first event with this name that matches, now or later. */
  async event<Data>(name: string, matches: (data: Data) => boolean = () => true, timeoutMs = 20_000): Promise<Data> {
    const { data } = await this.events.waitFor(({ event, data }) => event === name && matches(data as Data), timeoutMs);
    return data as Data;
  }

  /** Resolves with the next event with this name. Ignores earlier events. */
  next<Data>(name: string, matches: (data: Data) => boolean = () => true): Promise<Data> {
    const seen = new Set(this.events.entries.map(({ data }) => data));
    return this.event<Data>(name, (data) => !seen.has(data) && matches(data));
  }

  message(matches: (message: PeerMessage) => boolean): Promise<PeerMessage> {
    return this.event("Message", matches);
  }

  receipt(id: string, type: string): Promise<PeerReceipt> {
    return this.event("Receipt", (receipt: PeerReceipt) => receipt.ids.includes(id) && receipt.type.endsWith(type));
  }

  sendText(to: string, text: string): Promise<Sent> {
    return this.call<Sent>("send", { to, content: { conversation: text } });
  }

  /** Connects and resolves with the first QR code. */
  async qr(): Promise<string> {
    await this.call("connect");
    const { Codes } = await this.event<{ Codes: string[] }>("QR");
    return Codes[0] ?? "";
  }

  /** Connects, and waits until the client is logged in. */
  async login(): Promise<void> {
    const connected = this.next("Connected");
    await this.call("connect");
    await connected;
  }

  /** Ends the process without a logout, and starts it again with the same file. The client is not connected then. */
  async restart(): Promise<void> {
    await this.#end("SIGKILL");
    this.#spawn();
  }

  async #end(signal?: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    if (signal) child.kill(signal);
    else child.stdin?.end();
    await ended;
  }

  /** Declares that whatsmeow may print warnings and errors that match. */
  expectLog(...patterns: RegExp[]): void {
    this.#expected.push(...patterns);
  }

  /** The warnings and errors of whatsmeow that no test has declared. A test fails if this list is not empty. */
  get complaints(): string[] {
    return this.events.entries
      .filter(({ event }) => event === "log")
      .map(({ data }) => data as LogLine)
      .map(({ level, module, text }) => `${level} ${module}: ${text}`)
      .filter((line) => !this.#expected.some((pattern) => pattern.test(line)));
  }

  async stop(): Promise<void> {
    await this.#end();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
