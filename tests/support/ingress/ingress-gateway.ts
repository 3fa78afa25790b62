import type { ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { endHost, spawnHost } from "../../../local/gateway/host-process.ts";
import type { Phone } from "../../../simulator/index.ts";
import type { InboxMessage } from "../../../simulator/phone/mailbox/inbox.ts";
import { startTestGateway, type TestGateway } from "../gateway/test-gateway.ts";
import { type IngressClient, startIngressClient } from "../queue/ingress-client.ts";

export const replyQueue = "switchboard-reply-tests.fifo";

export interface Message {
  id: string;
  input: { to: string; text: string };
  [field: string]: unknown;
}

/** A gateway whose host is a separate process, a linked instance, and an SQS client. */
export interface Ingress {
  gate: TestGateway;
  client: IngressClient;
  owner: Phone;
  bob: Phone;
  instanceId: string;
  apiKey: string;
  /** Makes a valid message, except for the given fields. */
  message(given?: Record<string, unknown>): Message;
  /** Returns the copies of the message's text at Bob's phone. */
  textsOf(sent: Message): readonly InboxMessage[];
  /** Kills the host and starts another one. */
  killHost(): Promise<void>;
  stop(): Promise<void>;
}

export async function startIngress(): Promise<Ingress> {
  const gate = await startTestGateway({ host: "none" });
  let host: ChildProcess = spawnHost(gate.gateway.env);
  const client = await startIngressClient(gate, replyQueue);
  const owner = await gate.wa.addPhone({ number: "491555000001", pushName: "Ann" });
  const bob = await gate.wa.addPhone({ number: "491555000002", pushName: "Bob" });
  const instanceId = await gate.linked(owner);
  const apiKey = gate.gateway.firstAdmin?.apiKey.key ?? "";
  return {
    gate,
    client,
    owner,
    bob,
    instanceId,
    apiKey,
    message: (given = {}) => ({
      v: 1,
      id: randomUUID(),
      apiKey,
      instanceId,
      command: "message.sendText",
      input: { to: bob.number, text: `text ${randomUUID()}` },
      replyTo: replyQueue,
      ...given,
    }),
    textsOf: (sent) => bob.inbox.messages.filter(({ text }) => text === sent.input.text),
    async killHost() {
      await endHost(host, "SIGKILL");
      host = spawnHost(gate.gateway.env);
    },
    async stop() {
      await client.stop();
      await endHost(host);
      await gate.stop();
    },
  };
}
