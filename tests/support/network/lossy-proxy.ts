import { onTestFinished } from "vitest";
import { startTcpProxy } from "./tcp-proxy.ts";

/** A proxy in front of Postgres that can lose an answer, and the connection with it, after Postgres has done the work. */
export interface LossyProxy {
  url: string;
  /** Loses the answer to the next request that contains this text. */
  loseAnswerTo(text: string): void;
  /** Loses the next answer that contains this text. */
  loseAnswerWith(text: string): void;
  /** Returns the number of lost answers. */
  lost(): number;
}

/** Starts a proxy that stops when the test ends. */
export async function startLossyProxy(databaseUrl: string): Promise<LossyProxy> {
  const url = new URL(databaseUrl);
  let request: string | undefined;
  let answer: string | undefined;
  let lost = 0;
  const filterOf = () => {
    let losing = false;
    return {
      onRequest(chunk: Buffer) {
        if (request === undefined || !chunk.includes(request)) return;
        request = undefined;
        losing = true;
      },
      passesAnswer(chunk: Buffer) {
        if (answer !== undefined && chunk.includes(answer)) {
          answer = undefined;
          losing = true;
        }
        if (losing) lost++;
        return !losing;
      },
    };
  };
  const proxy = await startTcpProxy(Number(url.port), filterOf);
  onTestFinished(() => proxy.stop());
  url.port = String(proxy.port);
  return {
    url: url.href,
    loseAnswerTo(text) {
      request = text;
    },
    loseAnswerWith(text) {
      answer = text;
    },
    lost: () => lost,
  };
}
