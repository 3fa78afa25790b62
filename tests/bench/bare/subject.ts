import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Phone, WhatsApp } from "../../../simulator/index.ts";
import { Arrivals } from "../arrivals.ts";
import { now } from "../clock.ts";
import { Probes } from "../part/probes.ts";
import { sum } from "../result/statistics.ts";
import { endChild, inLanes, type Subject, startChild, type Text, type Times } from "../subject.ts";
import type { Incoming, Outgoing, Request, TimesByText } from "./protocol.ts";

const module = fileURLToPath(new URL("./process.ts", import.meta.url));

/** Baileys without a gateway: a function call sends a text, and an event reports a received one. */
export class Bare implements Subject {
  readonly name = "bare";
  readonly arrivals = new Arrivals();
  readonly problems: string[] = [];
  readonly #wa: WhatsApp;
  readonly #folder: string;
  readonly #phones: Phone[] = [];
  #child: ChildProcess;
  #ready: Promise<void>;
  probes: Probes;
  #requests = 0;
  readonly #answers = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #ending = false;

  private constructor(wa: WhatsApp, folder: string) {
    this.#wa = wa;
    this.#folder = folder;
    ({ child: this.#child, probes: this.probes, ready: this.#ready } = this.#start());
  }

  static async start(wa: WhatsApp, folder: string): Promise<Bare> {
    const bare = new Bare(wa, folder);
    await bare.#ready;
    return bare;
  }

  #start(profile?: boolean) {
    const { url, rootKey } = this.#wa;
    const { child, probes } = startChild("bare", module, this.#folder, { url, rootKey }, { profile });
    const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
    child.on("message", (message: Outgoing) => {
      if ("ready" in message) resolve();
      else this.#onMessage(message);
    });
    child.on("exit", (code, signal) => {
      if (this.#ending) return;
      const error = new Error(`the process of bare Baileys ended (${signal ?? code}): see its log`);
      this.problems.push(error.message);
      for (const { reject: refuse } of this.#answers.values()) refuse(error);
      reject(error);
    });
    return { child, probes: new Probes(probes), ready };
  }

  #onMessage(message: Exclude<Outgoing, { ready: true }>): void {
    if ("arrived" in message) {
      for (const [text, at] of message.arrived) this.arrivals.record(text, at);
    } else if ("problem" in message) {
      this.problems.push(message.problem);
    } else if ("qr" in message) {
      const phone = this.#phones[message.account];
      phone?.scanQr(message.qr).catch((error: unknown) => this.problems.push(`a scan failed: ${error}`));
    } else {
      const waiting = this.#answers.get(message.answer);
      this.#answers.delete(message.answer);
      if (message.error === undefined) waiting?.resolve(message.value);
      else waiting?.reject(new Error(message.error));
    }
  }

  #request<Value>(request: Request): Promise<Value> {
    const id = ++this.#requests;
    return new Promise((resolve, reject) => {
      this.#answers.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#child.send({ id, ...request } satisfies Incoming);
    });
  }

  async link(phone: Phone): Promise<void> {
    const account = this.#phones.push(phone) - 1;
    await this.#request({ name: "link", account });
  }

  async sendAll(texts: readonly Text[], callers: number, arrived?: (text: string) => Promise<void>) {
    if (!arrived) {
      const flood = await this.#request<TimesByText>({ name: "flood", texts: [...texts], callers });
      return new Map<string, Times>(flood);
    }
    await inLanes(texts, callers, async (text) => {
      this.#child.send({ send: text } satisfies Incoming);
      await arrived(text.text);
    });
    return new Map<string, Times>(await this.#request<TimesByText>({ name: "times" }));
  }

  reportImmediately(immediately: boolean): Promise<void> {
    return this.#request({ name: "reportImmediately", immediately });
  }

  /** Waits for the receipts of the last texts, which arrive after the texts. */
  async settled(): Promise<number> {
    await sleep(200);
    return now();
  }

  async cpu() {
    return { process: sum((await this.probes.usage()).map(({ cpuSeconds }) => cpuSeconds)) };
  }

  memory() {
    return this.probes.memory();
  }

  async restart({ profile }: { profile?: boolean } = {}): Promise<void> {
    const file = join(this.#folder, "bare-state.json");
    await this.#request({ name: "save", file });
    await this.stop();
    this.#ending = false;
    ({ child: this.#child, probes: this.probes, ready: this.#ready } = this.#start(profile));
    await this.#ready;
    await this.#request({ name: "load", file });
  }

  async stop(): Promise<void> {
    this.#ending = true;
    await endChild(this.#child);
  }
}
