import { randomBytes } from "node:crypto";
import * as z from "zod";
import { defined } from "../../core/object.ts";
import type { Phone } from "../../simulator/index.ts";
import { pollUntil, unlessAborted } from "../terminal/program.ts";
import type { Steps } from "../terminal/steps.ts";
import { type Receiver, verifySignatures, type Webhook } from "./receiver.ts";
import { type Rest, RestError, restOf } from "./rest.ts";

export interface RoundTrip {
  steps: Steps;
  signal: AbortSignal;
  url: string;
  admin: { email: string; password: string };
  /** The phone of the account that the instance is linked to. */
  alice: Phone;
  /** The phone of the person who exchanges messages with the instance. */
  bob: Phone;
  receiver: Receiver;
  /** Whether an earlier run stopped the session hosts. */
  stopped: boolean;
}

export interface Result {
  instanceId: string;
  apiKey: string;
  webhookSecret: string;
}

const instanceName = "Sandbox";
const created = z.object({ id: z.string() });

/** Uses the gateway through its REST API only, as a user would. Throws on the first unexpected result. */
export async function roundTrip(options: RoundTrip): Promise<Result> {
  const { steps, signal, url, alice } = options;
  const apiKey = await steps.run(
    "Log in and get an API key",
    signal,
    () => logIn(options),
    (key) => `${options.admin.email}, ${key}`,
  );
  const rest = restOf(url, { "x-api-key": apiKey }, signal);
  if (options.stopped) {
    await steps.run("Restart the session hosts that an earlier run stopped", signal, () =>
      rest.post("/api/observability/restart", {}, z.object({ success: z.literal(true) })),
    );
  }
  const webhookSecret = `whsec_${randomBytes(24).toString("base64")}`;
  const instanceId = await createInstance(options, rest, webhookSecret);
  const qr = await steps.run(
    "Wait for a QR code or a connection",
    signal,
    () => waitForQr(rest, signal, instanceId),
    (qrCode) => (qrCode ? `QR code ${qrCode.slice(0, 16)}…` : "already linked by an earlier run"),
  );
  if (qr) {
    await steps.run(`Scan the QR code with ${alice.pushName}'s phone (+${alice.number})`, signal, () =>
      unlessAborted(signal, alice.scanQr(qr)),
    );
    await steps.run("Connect the instance", signal, () =>
      pollUntil(signal, "the connection", async () => (await getStatus(rest, instanceId)).ready || undefined),
    );
  }
  await sendText(options, rest, instanceId);
  await receiveAnswer(options, webhookSecret);
  return { instanceId, apiKey, webhookSecret };
}

async function logIn({ url, admin, signal }: RoundTrip): Promise<string> {
  const shape = z.object({ token: z.string(), user: z.object({ apiKey: z.string() }) });
  try {
    return (await restOf(url, {}, signal).post("/api/auth/login", admin, shape)).user.apiKey;
  } catch (error) {
    if (!(error instanceof RestError && error.status === 401)) throw error;
    throw new Error(
      "this sandbox was created with another ADMIN_EMAIL or ADMIN_PASSWORD. Set those, or delete the folder of the sandbox.",
      { cause: error },
    );
  }
}

async function createInstance(options: RoundTrip, rest: Rest, webhookSecret: string): Promise<string> {
  const { steps, signal, receiver } = options;
  const list = z.object({ instances: z.array(created.extend({ name: z.string() })) });
  const settings = { webhookUrl: receiver.url, webhookEnabled: true, webhookSecret };
  const { instances } = await rest.get("/api/instances", list);
  const existing = instances.find(({ name }) => name === instanceName);
  const { id } = await steps.run(
    existing ? "Use the instance of an earlier run" : "Create an instance",
    signal,
    () =>
      existing
        ? rest.put(`/api/instances/${existing.id}`, settings, created)
        : rest.post("/api/instances", { name: instanceName, ...settings }, created),
    (instance) => instance.id,
  );
  return id;
}

const statusShape = z.object({ ready: z.boolean(), status: z.string(), hasQr: z.boolean() });
const getStatus = (rest: Rest, instanceId: string) => rest.get(`/api/whatsapp/${instanceId}/status`, statusShape);

/**
 * Waits until the instance is connected, or has a QR code. Returns the code, or null if connected. If the last run was killed,
 * the simulated WhatsApp may have lost the linked device and log it out. The instance is then reconnected to get a new code.
 */
async function waitForQr(rest: Rest, signal: AbortSignal, instanceId: string): Promise<string | null> {
  let restarted = false;
  return await pollUntil(signal, "a QR code or a connection", async () => {
    const now = await getStatus(rest, instanceId);
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

async function sendText({ steps, signal, bob }: RoundTrip, rest: Rest, instanceId: string): Promise<void> {
  const text = `Hello ${bob.pushName}, it is ${new Date().toISOString()}`;
  await steps.run(
    "Send a text over REST",
    signal,
    async () => {
      const body = { phone: `+${bob.number}`, message: text };
      const { id } = await rest.post(`/api/whatsapp/${instanceId}/send`, body, created);
      const arrived = await unlessAborted(
        signal,
        bob.waitFor((message) => message.id === id, { timeoutMs: 60_000 }),
      );
      if (arrived.text !== text) throw new Error(`received a different text: ${arrived.text}`);
    },
    () => `${bob.pushName}'s phone (+${bob.number}) received "${text}"`,
  );
}

async function receiveAnswer({ steps, signal, alice, bob, receiver }: RoundTrip, secret: string): Promise<void> {
  const text = `Hello ${alice.pushName}, my answer of ${new Date().toISOString()}`;
  const webhook = await steps.run(
    `Receive ${bob.pushName}'s answer and its webhook`,
    signal,
    async () => {
      const sent = await bob.sendText(alice.number, text);
      const match = await pollUntil(signal, "the webhook", async () =>
        receiver.webhooks.find(
          (candidate) => contentOf(candidate).messageId === sent.id && contentOf(candidate).event === received,
        ),
      );
      if (contentOf(match).text !== text) throw new Error(`the webhook has a different text: ${contentOf(match).text}`);
      return match;
    },
    () => `${received} "${text}"`,
  );
  await steps.run(
    "Check the signatures of the webhook",
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

/** Returns the main fields of a webhook of the Multi-Instance API. */
export function contentOf({ body }: Webhook): { event: string; messageId?: string; text?: string; status?: string } {
  const { event, data } = bodyShape.parse(JSON.parse(body.toString()));
  return {
    event,
    ...defined({ messageId: data.messageId, text: data.body, status: data.status }),
  };
}
