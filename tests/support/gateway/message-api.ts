import { expect } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import type { InboxMessage } from "../../../simulator/phone/mailbox/inbox.ts";
import { type Body, type LinkedGateway, messageAt } from "./linked-gateway.ts";
import type { Answer } from "./test-gateway.ts";

/** The messages of a crew, over the Gateway API. */
export interface Messenger {
  /** Asks an endpoint of messages, as the crew's instance unless `id` says otherwise. */
  ask(method: string, path: string, body?: Body, id?: string): Promise<Answer>;
  /** Sends to Bob unless the body says otherwise; answers the message as it is at the recipient's phone. */
  send(kind: string, body: Body, to?: Phone): Promise<InboxMessage>;
  /** A text that has come in and is in the history. */
  received(from: Phone, text: string, to?: string): Promise<string>;
}

export function messenger({ gate, instance, client, owner, bob }: LinkedGateway): Messenger {
  const ask: Messenger["ask"] = (method, path, body = {}, id = instance) =>
    gate.api(method, `/api/message/${path}`, { body: { instanceId: id, ...body } });
  return {
    ask,
    async send(kind, body, to = bob) {
      const { status, body: answer } = await ask("POST", kind, { to: to.jid, ...body });
      expect({ status, answer }).toMatchObject({
        status: 200,
        answer: { success: true, data: { messageId: expect.any(String), instanceId: instance } },
      });
      return await messageAt(to, answer.data.messageId);
    },
    async received(from, text, to = owner.number) {
      const { id } = await from.sendText(to, text);
      await client.shown(to === owner.number ? from.number : to, id, "received");
      return id;
    },
  };
}
