import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { signatureHeaders } from "../../core/webhook/delivery/sign.ts";
import { readPostmaster } from "../../local/postgres/postmaster.ts";
import { ignoredIn, sandboxEnvironment } from "../../local/sandbox/environment.ts";
import { verifySignatures } from "../../local/sandbox/receiver.ts";
import { folderOfTest } from "../support/process/temporary-folder.ts";

const program = fileURLToPath(new URL("../../local/sandbox.ts", import.meta.url));

interface Running {
  child: ChildProcess;
  output(): string;
  /** Waits until the program has printed `text`. Throws if the program ends first. */
  printed(text: string): Promise<void>;
  ended(): Promise<number | null>;
}

function start(args: string[], env: Record<string, string>): Running {
  const child = spawn(process.execPath, [program, ...args], { env: { PATH: process.env.PATH ?? "", ...env } });
  let output = "";
  const exit = once(child, "exit");
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk;
      for (const listener of listeners) listener();
    });
  }
  onTestFinished(() => void child.kill("SIGKILL"));
  const printed = async (text: string) => {
    const { promise, resolve } = Promise.withResolvers<"printed">();
    const look = () => output.includes(text) && resolve("printed");
    listeners.add(look);
    look();
    if ((await Promise.race([promise, exit])) !== "printed")
      throw new Error(`the sandbox ended before it printed "${text}":\n${output}`);
  };
  return { child, output: () => output, printed, ended: async () => (await exit)[0] as number | null };
}

test("one run sends and receives a message, exits with 0 and leaves nothing behind", async () => {
  const folder = await folderOfTest();
  const run = start(["--once"], { TMPDIR: folder });
  expect(await run.ended(), run.output()).toBe(0);
  expect(run.output()).toContain("Check the signatures of the webhook");
  expect(run.output()).not.toContain("✗");
  expect(await readdir(folder)).toEqual([]);
});

test("a sandbox continues with its data after it was killed, and Ctrl-C stops the sandbox and its database", async () => {
  const folder = await folderOfTest();
  const env = { DATA_DIR: folder, PORT: "0", SESSION_HOST: "child" };
  const first = start([], env);
  await first.printed("Connect the instance");
  const closed = once(first.child, "close");
  first.child.kill("SIGKILL");
  // The output closes when the session host, which writes to it too, has ended.
  await closed;

  const second = start([], env);
  await second.printed("All steps succeeded");
  expect(second.output()).toContain("Use the instance of an earlier run");
  await second.printed("In another terminal");
  second.child.kill("SIGINT");
  expect(await second.ended(), second.output()).toBe(0);
  expect(await readPostmaster(join(folder, "sandbox", "gateway", "postgres", "data"))).toBeUndefined();
});

test("the error for an occupied port suggests another port", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  onTestFinished(() => void other.close());
  const { port } = other.address() as AddressInfo;
  const run = start(["--once"], { PORT: String(port), TMPDIR: await folderOfTest() });
  expect(await run.ended()).toBe(1);
  expect(run.output()).toContain(
    `Port ${port} on 127.0.0.1 is used by another program. Choose another: PORT=${port + 1}`,
  );
});

test("a sandbox ignores settings of a real database and real queues", () => {
  const env = { DATABASE_URL: "postgres://prod/db", SQS_ENDPOINT: "https://sqs.example.com", LOG_LEVEL: "info" };
  const folder = { path: "/s", gateway: "/s/gateway", whatsapp: "/s/whatsapp", password: "secret-password" };
  expect(ignoredIn(env)).toEqual(["DATABASE_URL", "SQS_ENDPOINT"]);
  const own = sandboxEnvironment(env, { ...folder, close: async () => undefined }, false);
  expect(own).toMatchObject({ DATA_DIR: "/s/gateway", ADMIN_PASSWORD: "secret-password", LOG_LEVEL: "info" });
  expect(Object.keys(own)).not.toContain("DATABASE_URL");
  expect(Object.keys(own)).not.toContain("SQS_ENDPOINT");
});

test("a webhook with a changed body, id, time or secret fails verification", () => {
  const secret = `whsec_${Buffer.from("0123456789abcdef01234567").toString("base64")}`;
  const body = '{"event":"message_received"}';
  const at = new Date();
  const headers = signatureHeaders({ id: "1", at, body, secret });
  const webhook = { headers, body: Buffer.from(body) };
  const now = at.getTime();
  expect(() => verifySignatures(webhook, secret, now)).not.toThrow();
  expect(() => verifySignatures({ headers, body: Buffer.from(`${body} `) }, secret, now)).toThrow(
    "X-Webhook-Signature",
  );
  expect(() => verifySignatures(webhook, "whsec_AAAA", now)).toThrow("X-Webhook-Signature");
  expect(() => verifySignatures(webhook, secret, now + 10 * 60_000)).toThrow("too old");
  const swapped = { ...headers, "webhook-id": "2" };
  expect(() => verifySignatures({ ...webhook, headers: swapped }, secret, now)).toThrow("webhook-signature");
});
