import type { WhatsApp } from "../../../simulator/index.ts";
import type { Environment } from "../environment.ts";
import type { Options } from "../options.ts";
import type { Cpu, SubjectName } from "../subject.ts";

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

/** Something of the gateway alone: there is nothing to compare it with in bare Baileys. */
export interface Figure {
  name: string;
  unit: string;
  value: number;
}

/** What measures figures: gets the simulated WhatsApp, a folder of its own, and keeps what it finds. */
export type Study = (parts: {
  wa: WhatsApp;
  folder: string;
  options: Options;
  keep: (figure: Figure) => void;
  progress: (text: string) => void;
  /** An error of the run, as a message that was lost. */
  complain: (problem: string) => void;
}) => Promise<void>;

export interface Result {
  environment: Environment;
  options: Options;
  rounds: Round[];
  holdings: Holding[];
  figures: Figure[];
  /** Webhooks that came more than once, which at-least-once delivery allows. */
  repeatedWebhooks: number;
  /** Texts that were lost or came twice, and errors. The run has failed if there are any. */
  problems: string[];
}

/** What the driver tells while it works and at its end. */
export type Report = { progress: string } | { result: Omit<Result, "environment" | "options"> };
