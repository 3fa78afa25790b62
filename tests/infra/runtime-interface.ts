import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { accountId } from "../../local/lambda/context.ts";

export interface Outcome {
  /** The handler's result, unless it threw an error. */
  answer?: unknown;
  error?: { errorType: string; errorMessage: string };
}

/**
 * Starts a function as Lambda does: its bundle in a new process that gets events from the runtime interface, without other
 * code of this project. https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
export async function startFunction(file: string, environment: Record<string, string>) {
  let poll: ServerResponse | undefined;
  const waiting: { id: string; event: string; timeoutMs: number; done: (outcome: Outcome) => void }[] = [];
  const running = new Map<string, (outcome: Outcome) => void>();
  const startedAt = performance.now();
  let readyMs: number | undefined;
  let answeredMs: number | undefined;

  const sendNext = () => {
    const next = poll && waiting.shift();
    if (!poll || !next) return;
    running.set(next.id, next.done);
    poll.writeHead(200, {
      "content-type": "application/json",
      "lambda-runtime-aws-request-id": next.id,
      "lambda-runtime-deadline-ms": String(Date.now() + next.timeoutMs),
      "lambda-runtime-invoked-function-arn": `arn:aws:lambda:us-east-1:${accountId}:function:test`,
    });
    poll.end(next.event);
    poll = undefined;
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const [, , , , id = "", what] = request.url?.split("/") ?? [];
      if (id === "next") {
        readyMs ??= performance.now() - startedAt;
        poll = response;
        return sendNext();
      }
      answeredMs ??= performance.now() - startedAt;
      const body = JSON.parse(Buffer.concat(chunks).toString() || "null");
      running.get(id)?.(what === "error" ? { error: body } : { answer: body });
      running.delete(id);
      response.writeHead(202).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const child: ChildProcess = spawn(process.execPath, [join(import.meta.dirname, "bootstrap.mjs"), file], {
    env: {
      PATH: process.env.PATH ?? "",
      AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_EC2_METADATA_DISABLED: "true",
      LOG_LEVEL: "silent",
      ...environment,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
  });
  let count = 0;
  return {
    /** Returns the standard output, which on AWS is the log. */
    printed: () => printed,
    /** Milliseconds from the start of the process to its first request for an event, and to its first result. */
    times: () => ({ ready: readyMs ?? Number.NaN, answered: answeredMs ?? Number.NaN }),
    invoke(event: unknown, timeoutMs = 30_000): Promise<Outcome> {
      return new Promise((done, fail) => {
        child.once("exit", (code) => fail(new Error(`the function ended with ${code}`)));
        waiting.push({ id: `request-${count++}`, event: JSON.stringify(event), timeoutMs, done });
        sendNext();
      });
    },
    async stop() {
      child.removeAllListeners("exit");
      if (child.exitCode === null) {
        child.kill();
        // Wait for `close`, because output may still arrive after `exit`.
        await once(child, "close");
      }
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
