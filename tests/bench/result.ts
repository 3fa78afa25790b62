import type { Environment } from "./environment.ts";
import type { Options } from "./options.ts";
import type { Cpu, SubjectName } from "./subject.ts";

/** `low`: one caller; `load`: many, each waiting for its text to arrive; `flood`: many, none waiting for more than an answer. */
export const paces = ["low", "load", "flood"] as const;
export type Pace = (typeof paces)[number];
export const directions = ["out", "in"] as const;
export type Direction = (typeof directions)[number];

/** One measure of one subject in one round. Times in milliseconds. */
export interface Round {
  subject: SubjectName;
  direction: Direction;
  pace: Pace;
  round: number;
  texts: number;
  arrived: number;
  /** From the first request to the last arrival. */
  spanMs: number;
  /** From the first request until everything that follows from the texts was done: the last webhook of a status. */
  settledMs: number;
  /** From request to arrival, of each text. */
  latenciesMs: number[];
  /** From request to answer, of each text that was sent. */
  answersMs: number[];
  /** CPU seconds that were used until it had settled. */
  cpu: Cpu;
  /** Of the driver, with the simulated WhatsApp in it. */
  driverCpu: number;
}

/** What one subject holds with so many idle instances; bytes. */
export interface Holding {
  subject: SubjectName;
  instances: number;
  state: "linked" | "logged in again";
  rss: number;
  heapUsed: number;
  external: number;
  /** CPU seconds per second while nothing happens. */
  idleCpu: number;
  /** How long it took to get there, from the last figure or from the start of the process. Milliseconds. */
  tookMs: number;
}

export interface Result {
  environment: Environment;
  options: Options;
  rounds: Round[];
  holdings: Holding[];
  /** Webhooks that came more than once, which at-least-once delivery allows. */
  repeatedWebhooks: number;
  /** Texts that were lost or came twice, and errors. The run has failed if there are any. */
  problems: string[];
}

/** What the driver tells while it works and at its end. */
export type Report = { progress: string } | { result: Omit<Result, "environment" | "options"> };
