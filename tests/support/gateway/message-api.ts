import { expect } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import type { InboxMessage } from "../../../simulator/phone/mailbox/inbox.ts";
import { type Body, type LinkedGateway, messageAt } from "./linked-gateway.ts";
import type { Answer } from "./test-gateway.ts";

/** Sends messages of a linked gateway over the Gateway API. */
export interface Messenger {
  /** Calls an endpoint of messages for the linked instance, or for `id`. */
  ask(method: string, path: string, body?: Body, id?: string): Promise<Answer>;
  /** Sends to Bob, or to another phone, and returns the message at the recipient's phone. */
  send(kind: string, body: Body, to?: Phone): Promise<InboxMessage>;
  /** Sends a text to the owner or to a group, and returns its id once it is in the history. */
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
      await client.inHistory(to === owner.number ? from.number : to, id, "received");
      return id;
    },
  };
}
