import type { WhatsApp } from "../../../simulator/index.ts";
import type { Environment } from "../environment.ts";
import type { Options } from "../options.ts";
import type { Cpu, SubjectName } from "../subject.ts";

/** `low`: one caller. `load`: many callers, each waiting for its text to arrive. `flood`: many, each waiting only for the response. */
export const paces = ["low", "load", "flood"] as const;
export type Pace = (typeof paces)[number];
export const directions = ["out", "in"] as const;
export type Direction = (typeof directions)[number];

/** One measurement of one subject in one round. Times are in milliseconds. */
export interface Round {
  subject: SubjectName;
  direction: Direction;
  pace: Pace;
  round: number;
  texts: number;
  arrived: number;
  /** From the first request to the last arrival. */
  spanMs: number;
  /** From the first request until the texts caused no more work: the last status webhook. */
  settledMs: number;
  /** From request to arrival, of each text. */
  latenciesMs: number[];
  /** From request to response, of each text that was sent. */
  answersMs: number[];
  /** CPU seconds used until the subject had settled. */
  cpu: Cpu;
  /** CPU seconds of the driver, which includes the simulated WhatsApp. */
  driverCpu: number;
}

/** The memory of one subject with a number of idle instances, in bytes. */
export interface Holding {
  subject: SubjectName;
  instances: number;
  state: "linked" | "logged in again";
  rss: number;
  heapUsed: number;
  external: number;
  /** CPU seconds per second while nothing happens. */
  idleCpu: number;
  /** Milliseconds since the last measurement or since the start of the process. */
  tookMs: number;
}

/** A value of the gateway, and the value that it is compared with, if any. */
export interface Figure {
  name: string;
  unit: string;
  value: number;
  bare?: number;
  /** The section of the documentation's page, if it has one of its own. */
  section?: "restart";
}

/** A part of the benchmark that measures figures of the gateway, in a folder of its own. */
export type Study = (parts: {
  wa: WhatsApp;
  folder: string;
  options: Options;
  keep: (figure: Figure) => void;
  progress: (text: string) => void;
  /** Reports an error of the run, such as a lost message. */
  addProblem: (problem: string) => void;
}) => Promise<void>;

export interface Result {
  environment: Environment;
  options: Options;
  rounds: Round[];
  holdings: Holding[];
  figures: Figure[];
  /** Repeated webhooks, which at-least-once delivery allows. */
  repeatedWebhooks: number;
  /** Lost or repeated texts, and errors. The run has failed if the list is not empty. */
  problems: string[];
}

/** A message of the driver: progress, or the result at the end. */
export type Report = { progress: string } | { result: Omit<Result, "environment" | "options"> };
