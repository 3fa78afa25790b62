import { randomBytes } from "node:crypto";
import * as z from "zod";
import type { Phone } from "../../simulator/index.ts";
import { askUntil, unlessAborted } from "../terminal/program.ts";
import type { Steps } from "../terminal/steps.ts";
import { type Receiver, verifySignatures, type Webhook } from "./receiver.ts";
import { type Rest, RestError, restOf } from "./rest.ts";

export interface RoundTrip {
  steps: Steps;
  signal: AbortSignal;
  url: string;
  admin: { email: string; password: string };
  /** Links the instance. */
  alice: Phone;
  /** The other side. */
  bob: Phone;
  receiver: Receiver;
  /** Whether the session hosts were stopped in an earlier run. */
  stopped: boolean;
}

export interface Result {
  instanceId: string;
  apiKey: string;
  webhookSecret: string;
}

const instanceName = "Sandbox";
const created = z.object({ id: z.string() });

/** What a user of the gateway does, in order and through the REST API only. Throws at the first thing that is not as it should be. */
export async function roundTrip(options: RoundTrip): Promise<Result> {
  const { steps, signal, url, alice } = options;
  const apiKey = await steps.run(
    "A user has logged in and has an API key",
    signal,
    () => logIn(options),
    (key) => `${options.admin.email}, ${key}`,
  );
  const rest = restOf(url, { "x-api-key": apiKey }, signal);
  if (options.stopped) {
    await steps.run("The session hosts, which an earlier run has stopped, serve again", signal, () =>
      rest.post("/api/observability/restart", {}, z.object({ success: z.literal(true) })),
    );
  }
  const webhookSecret = `whsec_${randomBytes(24).toString("base64")}`;
  const instanceId = await makeInstance(options, rest, webhookSecret);
  const qr = await steps.run(
    "The instance asks to be linked, or is linked already",
    signal,
    () => session(rest, signal, instanceId),
    (found) => (found ? `QR code ${found.slice(0, 16)}…` : "linked since an earlier run, no scan is needed"),
  );
  if (qr) {
    await steps.run(`${alice.pushName}'s phone (+${alice.number}) has scanned the QR code`, signal, () =>
      unlessAborted(signal, alice.scanQr(qr)),
    );
    await steps.run("The instance is connected", signal, () =>
      askUntil(signal, "the connection", async () => (await status(rest, instanceId)).ready || undefined),
    );
  }
  await sendOut(options, rest, instanceId);
  await takeIn(options, webhookSecret);
  return { instanceId, apiKey, webhookSecret };
}

async function logIn({ url, admin, signal }: RoundTrip): Promise<string> {
  const shape = z.object({ token: z.string(), user: z.object({ apiKey: z.string() }) });
  try {
    return (await restOf(url, {}, signal).post("/api/auth/login", admin, shape)).user.apiKey;
  } catch (error) {
    if (!(error instanceof RestError && error.status === 401)) throw error;
    throw new Error(
      "this sandbox was made with another ADMIN_EMAIL or ADMIN_PASSWORD. Give those, or remove the sandbox's folder.",
      { cause: error },
    );
  }
}

async function makeInstance(options: RoundTrip, rest: Rest, webhookSecret: string): Promise<string> {
  const { steps, signal, receiver } = options;
  const list = z.object({ instances: z.array(created.extend({ name: z.string() })) });
  const settings = { webhookUrl: receiver.url, webhookEnabled: true, webhookSecret };
  const { instances } = await rest.get("/api/instances", list);
  const known = instances.find(({ name }) => name === instanceName);
  const { id } = await steps.run(
    known ? "The instance of an earlier run is there" : "An instance is made",
    signal,
    () =>
      known
        ? rest.put(`/api/instances/${known.id}`, settings, created)
        : rest.post("/api/instances", { name: instanceName, ...settings }, created),
    (instance) => instance.id,
  );
  return id;
}

const statusShape = z.object({ ready: z.boolean(), status: z.string(), hasQr: z.boolean() });
const status = (rest: Rest, instanceId: string) => rest.get(`/api/whatsapp/${instanceId}/status`, statusShape);

/**
 * Waits until the instance is connected (null) or has a QR code to scan. One that was linked to a simulated WhatsApp that
 * has forgotten it, because the last run was killed, is logged out by it: then it is asked to start anew.
 */
async function session(rest: Rest, signal: AbortSignal, instanceId: string): Promise<string | null> {
  let restarted = false;
  return await askUntil(signal, "a QR code or a connection", async () => {
    const now = await status(rest, instanceId);
    if (now.ready) return null;
    if (now.hasQr) {
      return (await rest.get(`/api/instances/${instanceId}/qr`, z.object({ qrCode: z.string() }))).qrCode;
    }
    if (now.status === "logged_out" && !restarted) {
      restarted = true;
      await rest.post(`/api/instances/${instanceId}/reconnect`, {}, z.object({ success: z.literal(true) }));
    }
    return undefined;
  });
}

async function sendOut({ steps, signal, bob }: RoundTrip, rest: Rest, instanceId: string): Promise<void> {
  const text = `Hello ${bob.pushName}, it is ${new Date().toISOString()}`;
  await steps.run(
    "A text sent over REST has arrived",
    signal,
    async () => {
      const body = { phone: `+${bob.number}`, message: text };
      const { id } = await rest.post(`/api/whatsapp/${instanceId}/send`, body, created);
      const arrived = await unlessAborted(
        signal,
        bob.waitFor((message) => message.id === id, { timeoutMs: 20_000 }),
      );
      if (arrived.text !== text) throw new Error(`another text has arrived: ${arrived.text}`);
    },
    () => `${bob.pushName}'s phone (+${bob.number}) has decrypted "${text}"`,
  );
}

async function takeIn({ steps, signal, alice, bob, receiver }: RoundTrip, secret: string): Promise<void> {
  const text = `Hello ${alice.pushName}, this is my answer of ${new Date().toISOString()}`;
  const webhook = await steps.run(
    `${bob.pushName}'s answer has come in, and its webhook is received`,
    signal,
    async () => {
      const sent = await bob.sendText(alice.number, text);
      const found = await askUntil(signal, "the webhook", async () =>
        receiver.webhooks.find((one) => contentOf(one).messageId === sent.id && contentOf(one).event === received),
      );
      if (contentOf(found).text !== text) throw new Error(`its text is another: ${contentOf(found).text}`);
      return found;
    },
    () => `${received} "${text}"`,
  );
  await steps.run(
    "Its signatures are right",
    signal,
    async () => verifySignatures(webhook, secret),
    () => "X-Webhook-Signature and Standard Webhooks",
  );
}

const received = "message_received";
const bodyShape = z.object({
  event: z.string(),
  data: z.object({ messageId: z.string().optional(), body: z.string().optional(), status: z.string().optional() }),
});

/** What a webhook is about, in the Multi-Instance API's words. */
export function contentOf({ body }: Webhook): { event: string; messageId?: string; text?: string; status?: string } {
  const { event, data } = bodyShape.parse(JSON.parse(body.toString()));
  return {
    event,
    ...(data.messageId === undefined ? {} : { messageId: data.messageId }),
    ...(data.body === undefined ? {} : { text: data.body }),
    ...(data.status === undefined ? {} : { status: data.status }),
  };
}
