import { type AddressInfo, connect, createServer } from "node:net";
import { onTestFinished } from "vitest";

/** A proxy in front of Postgres that can lose an answer, and the connection with it, after Postgres has done the work. */
export interface LossyProxy {
  url: string;
  /** Loses the answer to the next request that contains this text. */
  loseAnswerTo(text: string): void;
  /** Loses the next answer that contains this text. */
  loseAnswerWith(text: string): void;
  /** How many answers were lost. */
  lost(): number;
}

/** Starts a proxy that stops when the test ends. */
export async function startLossyProxy(databaseUrl: string): Promise<LossyProxy> {
  const url = new URL(databaseUrl);
  const target = Number(url.port);
  let request: string | undefined;
  let answer: string | undefined;
  let lost = 0;
  const proxy = createServer((client) => {
    const upstream = connect(target, "127.0.0.1");
    let losing = false;
    client.on("data", (chunk) => {
      if (request !== undefined && chunk.includes(request)) {
        request = undefined;
        losing = true;
      }
      upstream.write(chunk);
    });
    upstream.on("data", (chunk) => {
      if (answer !== undefined && chunk.includes(answer)) {
        answer = undefined;
        losing = true;
      }
      if (!losing) return client.write(chunk);
      lost++;
      client.destroy();
      return upstream.destroy();
    });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on("error", () => to.destroy());
      from.on("close", () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void proxy.close());
  url.port = String((proxy.address() as AddressInfo).port);
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
