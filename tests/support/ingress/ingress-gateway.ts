import type { ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { endHost, spawnHost } from "../../../local/gateway/host-process.ts";
import type { Phone } from "../../../simulator/index.ts";
import type { InboxMessage } from "../../../simulator/phone/mailbox/inbox.ts";
import { startTestGateway, type TestGateway } from "../gateway/test-gateway.ts";
import { type SqsClient, sqsClient } from "../queue/ingress-client.ts";

export const replyQueue = "switchboard-reply-tests.fifo";

export interface Message {
  id: string;
  input: { to: string; text: string };
  [field: string]: unknown;
}

/** A gateway whose host is a process of its own, an instance of Ann's, and who asks for something over SQS. */
export interface Ingress {
  gate: TestGateway;
  client: SqsClient;
  owner: Phone;
  bob: Phone;
  instanceId: string;
  apiKey: string;
  /** A message in which everything is right but what is given. */
  message(given?: Record<string, unknown>): Message;
  /** The texts that it was to send, as they are at Bob's phone. */
  textsOf(asked: Message): readonly InboxMessage[];
  /** Kills the host, and starts another. */
  killHost(): Promise<void>;
  stop(): Promise<void>;
}

export async function startIngress(): Promise<Ingress> {
  const gate = await startTestGateway({ host: "none" });
  let host: ChildProcess = spawnHost(gate.gateway.env);
  const client = await sqsClient(gate, replyQueue);
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
    textsOf: (asked) => bob.inbox.messages.filter(({ text }) => text === asked.input.text),
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
