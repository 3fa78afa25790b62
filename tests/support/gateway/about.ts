import type { Phone } from "../../../simulator/index.ts";
import type { Group } from "../../../simulator/model/group.ts";
import { until } from "../until.ts";
import { type Body, linkBothDialects } from "./linked-gateway.ts";
import { dialects } from "./rest-client.ts";
import { type Dialect, startTestGateway, type TestGateway } from "./test-gateway.ts";

/** An instance of one dialect, as tests about other messages see it. */
export interface Side {
  dialect: Dialect;
  owner: Phone;
  instance: string;
  /** A group with the owner, Bob (who is its admin) and Carol. */
  group: Group;
  /** Waits for a webhook, named as in the Gateway API, and returns its `data`. */
  webhook(event: string, messageId: string, fits?: (data: Body) => boolean): Promise<Body>;
  /** Returns the `data` of all webhooks about a message so far. */
  webhooks(messageId: string): { event: string; data: Body }[];
  /** Waits until the history has a matching message, and returns it. */
  inHistory(chat: string, messageId: string, fits?: (message: Body) => boolean): Promise<Body>;
  sendText(to: string, text: string): Promise<string>;
}

/** One gateway with an instance of each dialect, and two other people. */
export interface AboutGateway {
  gate: TestGateway;
  bob: Phone;
  carol: Phone;
  sides: Record<Dialect, Side>;
  stop(): Promise<void>;
}

export async function startAboutGateway(): Promise<AboutGateway> {
  const gate = await startTestGateway();
  const bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  const carol = await gate.wa.addPhone({ number: "4915550000003", pushName: "Carol" });
  const linked = await linkBothDialects(gate);
  const sideOf = (dialect: Dialect): Side => {
    const { owner, client } = linked[dialect];
    const { instance } = client;
    const multi = dialect === "multi-instance";
    const named = (event: string) => (multi ? event.replace(".", "_") : event);
    const path = (chat: string) =>
      multi ? `/api/instances/${instance}/chats/${chat}/messages` : `/api/message/chat/${instance}/${chat}`;
    return {
      ...{ dialect, owner, instance },
      group: bob.createGroup(`Crew ${dialect}`, [owner.number, carol.number]),
      sendText: (to, text) => client.sendText(to, text),
      async webhook(event, messageId, fits = () => true) {
        const found = await gate.receiver.waitFor(
          ({ body: { event: name, data } }) =>
            name === named(event) && data.instanceId === instance && data.messageId === messageId && fits(data),
        );
        return found.body.data;
      },
      webhooks: (messageId) =>
        gate.receiver.deliveries.flatMap(({ body: { event, data } }) =>
          data.instanceId === instance && data.messageId === messageId ? [{ event, data }] : [],
        ),
      inHistory: (chat, messageId, fits = () => true) =>
        until(async () => {
          const { body } = await gate.api("GET", path(chat));
          const listed = (multi ? body.messages : body.data) as Body[];
          return listed.find((message) => message.messageId === messageId && fits(message));
        }),
    };
  };
  const sides = { "multi-instance": sideOf("multi-instance"), gateway: sideOf("gateway") };
  return { gate, bob, carol, sides, stop: () => gate.stop() };
}

/** The dialects as rows for `test.each`. */
export const eachDialect = dialects.map((dialect) => [dialect] as const);
