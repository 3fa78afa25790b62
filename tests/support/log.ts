import { createLogger, type Logger } from "../../core/log.ts";

/** Returns a logger as in production, and the lines that it has written so far. */
export function recordedLogger(name: string): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const log = createLogger(name, "info");
  Object.defineProperty(log, streamOf(log), { value: { write: (line: string) => lines.push(line) } });
  return { log, lines };
}

function streamOf(log: object): symbol {
  const symbol = Object.getOwnPropertySymbols(log).find((one) => one.description === "pino.stream");
  if (!symbol) throw new Error("this version of pino keeps its stream elsewhere");
  return symbol;
}
