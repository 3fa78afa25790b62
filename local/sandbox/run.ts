import { join } from "node:path";
import { readConfig } from "../../core/config.ts";
import { createLogger } from "../../core/log.ts";
import { startControl } from "../../simulator/control/server.ts";
import { type Phone, startWhatsApp, type WhatsApp } from "../../simulator/index.ts";
import { freePort } from "../data/port.ts";
import { startGateway } from "../gateway/index.ts";
import { untilAborted } from "../terminal/program.ts";
import { assertPortUsable, hostMode } from "../terminal/settings.ts";
import { Steps, seconds } from "../terminal/steps.ts";
import { ignoredIn, sandboxEnvironment, whatsappEnvironment } from "./environment.ts";
import { openSandboxFolder, temporarySandboxFolder } from "./folder.ts";
import { guide } from "./guide.ts";
import { startReceiver, verifySignatures, type Webhook } from "./receiver.ts";
import { contentOf, roundTrip } from "./round-trip.ts";

export interface SandboxOptions {
  env: Record<string, string | undefined>;
  /** Whether to end after the round trip and delete all data: `--once`. */
  once: boolean;
  signal: AbortSignal;
}

/** How often the simulated WhatsApp saves its state, so that little is lost if the sandbox is killed. Milliseconds. */
const saveEveryMs = 250;
const aliceNumber = "4915550000001";
const bobNumber = "4915550000002";

/**
 * Runs the whole gateway with a simulated WhatsApp: sends a message, receives a message, and then waits for Ctrl-C.
 */
export async function runSandbox({ env, once, signal }: SandboxOptions): Promise<void> {
  const steps = new Steps();
  for (const name of ignoredIn(env)) {
    print(`  Ignored: ${name} (the sandbox uses its own value).`);
    // The functions read the environment of this process.
    delete process.env[name];
  }
  // libsignal uses these to print sessions with their private keys.
  console.info = console.warn = () => undefined;
  await using undo = new AsyncDisposableStack();

  const folder = await (once ? temporarySandboxFolder() : openSandboxFolder(env.DATA_DIR || ".switchboard"));
  undo.defer(() => folder.close());
  const own = sandboxEnvironment(env, folder, once);
  const config = readConfig(own);
  await assertPortUsable(config, "npm run sandbox");

  const wa = await steps.run(
    "Start the simulated WhatsApp",
    signal,
    () => startWhatsApp({ directory: folder.whatsapp, stateFile: join(folder.whatsapp, "state"), saveEveryMs }),
    ({ url }) => url,
  );
  undo.defer(() => wa.stop());
  const gateway = await steps.run(
    "Start Postgres, SQS, S3, the REST API and the session host",
    signal,
    () =>
      startGateway({
        env: { ...own, ...whatsappEnvironment(wa) },
        log: createLogger("sandbox", config.LOG_LEVEL),
        host: hostMode(env),
      }),
    ({ url }) => url,
  );
  undo.defer(() => gateway.stop());

  const [alice, bob] = [await phoneOf(wa, aliceNumber, "Alice"), await phoneOf(wa, bobNumber, "Bob")];
  let onWebhook: (webhook: Webhook) => void = () => undefined;
  const receiver = await startReceiver((webhook) => onWebhook(webhook));
  undo.defer(() => receiver.stop());
  const admin = { email: config.ADMIN_EMAIL ?? "", password: config.ADMIN_PASSWORD ?? "" };
  const { stopped } = gateway;
  const result = await roundTrip({ steps, signal, url: gateway.url, admin, alice, bob, receiver, stopped });
  assertNoErrors(wa);
  print(`\nAll steps succeeded in ${seconds(performance.now())}.`);
  if (once) return;

  const control = await startControl(wa, await freePort(config.PORT && config.PORT + 1));
  undo.defer(() => control.stop());
  const numbers = { alice: aliceNumber, bob: bobNumber };
  const settings = { folder: folder.path, rateLimit: config.RATE_LIMIT };
  print(guide({ url: gateway.url, controlUrl: control.url, admin, ...settings, ...numbers, ...result }));
  onWebhook = (webhook) => print(`  webhook  ${describe(webhook, result.webhookSecret)}`);
  bob.onMessage((message) => print(`  Bob      ${message.text ?? message.kind}`));
  await untilAborted(signal);
}

/** Returns the phone of an earlier run, or a new one. */
async function phoneOf(wa: WhatsApp, number: string, pushName: string): Promise<Phone> {
  return wa.phone(number) ?? (await wa.addPhone({ number, pushName }));
}

/** Throws if a phone failed, or if the simulated WhatsApp got a request that it does not support. */
function assertNoErrors(wa: WhatsApp): void {
  const errors = wa.phones.flatMap((phone) => phone.errors.map((error) => `${phone.number}: ${error.message}`));
  const unknown = wa.unknown.map(({ from, reason }) => `${from}: ${reason}`);
  if (errors.length + unknown.length === 0) return;
  throw new Error(`The simulated WhatsApp reported errors:\n  ${[...errors, ...unknown].join("\n  ")}`);
}

function describe(webhook: Webhook, secret: string): string {
  const { event, text, status } = contentOf(webhook);
  verifySignatures(webhook, secret);
  return [event, status, text].filter(Boolean).join(" ");
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
