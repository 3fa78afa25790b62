import type { Delivery } from "../network/webhook-receiver.ts";
import { until } from "../until.ts";
import type { Answer, Dialect, TestGateway } from "./test-gateway.ts";

export const dialects: readonly Dialect[] = ["multi-instance", "gateway"];

/** A message in the history, in the same form for both dialects. */
export interface HistoryMessage {
  id: string;
  fromMe: boolean;
  type: string;
  body: string;
  hasMedia: boolean;
  status: string;
}

/** What a webhook reports about a message. */
export type MessageReport = "received" | "sent" | "delivered" | "read" | "played" | "failed";

/** A client of one instance in its dialect: REST requests, and its webhooks. */
export interface RestClient {
  instance: string;
  /** Returns WhatsApp's id of the message. Throws if the request is rejected. */
  sendText(to: string, text: string, headers?: Record<string, string>): Promise<string>;
  sendImage(to: string, url: string, caption?: string): Promise<string>;
  /** Returns the newest messages of a chat, newest first. */
  history(chat: string, limit?: number): Promise<HistoryMessage[]>;
  /** Waits until the history has the message with this status, and returns it. */
  inHistory(chat: string, id: string, status: string, timeoutMs?: number): Promise<HistoryMessage>;
  /** Waits for the webhook that reports this event about the message. */
  reported(what: MessageReport, id: string, timeoutMs?: number): Promise<Delivery>;
  /** Returns everything that webhooks have reported about the message. */
  allReported(id: string): MessageReport[];
  /** Returns what the webhook reports about this message. */
  reportIn(delivery: Delivery, id: string): MessageReport | undefined;
  /** Returns who has received and read the message. The body has the same form for both dialects. */
  receipts(id: string): Promise<Answer>;
  /** Returns the text in a webhook's body. */
  textOf(delivery: Delivery): string;
  request(method: string, action: "status" | "qr" | "restart" | "logout" | "delete"): Promise<Answer>;
  pairingCode(phoneNumber: string): Promise<string>;
}

export function restClient(gate: TestGateway, dialect: Dialect, instance: string): RestClient {
  const multi = dialect === "multi-instance";

  const send = async (path: string, body: unknown, headers: Record<string, string>) => {
    const answer = await gate.api("POST", path, { body, headers });
    if (answer.status !== 200) throw new Error(`rejected: ${answer.status} ${JSON.stringify(answer.body)}`);
    return (multi ? answer.body.id : answer.body.data.messageId) as string;
  };
  const tells = (delivery: Delivery): MessageReport | undefined => {
    const { event, data } = delivery.body;
    if (data.instanceId !== instance) return undefined;
    if (!multi) return /^message\.(\w+)$/.exec(event)?.[1] as MessageReport | undefined;
    if (event === "message_status") return data.status;
    return /^message_(received|sent|played)$/.exec(event)?.[1] as MessageReport | undefined;
  };
  const client: RestClient = {
    instance,
    sendText: (to, text, headers = {}) =>
      multi
        ? send(`/api/whatsapp/${instance}/send`, { phone: to, message: text }, headers)
        : send("/api/message/send/text", { instanceId: instance, to, message: text }, headers),
    sendImage: (to, url, caption) =>
      multi
        ? send(`/api/whatsapp/${instance}/send-media`, { phone: to, url, caption }, {})
        : send("/api/message/send/image", { instanceId: instance, to, image: url, caption }, {}),
    async history(chat, limit = 100) {
      const path = multi
        ? `/api/instances/${instance}/chats/${chat}/messages`
        : `/api/message/chat/${instance}/${chat}`;
      const { status, body } = await gate.api("GET", `${path}?limit=${limit}`);
      if (status !== 200) throw new Error(`no history: ${status} ${JSON.stringify(body)}`);
      const listed: Record<string, unknown>[] = multi ? body.messages : body.data;
      return listed.map((one) => ({
        id: one.messageId as string,
        fromMe: one.fromMe as boolean,
        type: (multi ? one.messageType : one.type) as string,
        body: (multi ? one.content : one.body) as string,
        hasMedia: one.hasMedia as boolean,
        status: one.status as string,
      }));
    },
    inHistory: (chat, id, status, timeoutMs) =>
      until(
        async () => (await client.history(chat)).find((message) => message.id === id && message.status === status),
        timeoutMs,
      ),
    reported: (what, id, timeoutMs) =>
      gate.receiver.waitFor((delivery) => tells(delivery) === what && delivery.body.data.messageId === id, timeoutMs),
    allReported: (id) =>
      gate.receiver.deliveries.flatMap((delivery) =>
        delivery.body.data.messageId === id ? (tells(delivery) ?? []) : [],
      ),
    reportIn: (delivery, id) => (delivery.body.data.messageId === id ? tells(delivery) : undefined),
    async receipts(id) {
      const path = multi ? `/api/instances/${instance}/messages/${id}` : `/api/message/${instance}/${id}`;
      const { status, body } = await gate.api("GET", `${path}/receipts`);
      return { status, body: multi || status !== 200 ? body : body.data } as Answer;
    },
    textOf: ({ body }) => (multi ? body.data.body : body.data.message.conversation),
    request(method, action) {
      const paths = {
        status: multi ? `/api/whatsapp/${instance}/status` : `/api/instance/${instance}/status`,
        qr: multi ? `/api/whatsapp/${instance}/qr` : `/api/instance/${instance}/qr`,
        restart: multi ? `/api/instances/${instance}/reconnect` : `/api/instance/${instance}/restart`,
        logout: multi ? `/api/whatsapp/${instance}/logout` : `/api/instance/${instance}/logout`,
        delete: multi ? `/api/instances/${instance}` : `/api/instance/${instance}`,
      };
      return gate.api(method, paths[action]);
    },
    async pairingCode(phoneNumber) {
      const path = multi ? `/api/instances/${instance}/pairing-code` : `/api/instance/${instance}/pairing-code`;
      const { status, body } = await gate.api("POST", path, { body: { phoneNumber } });
      if (status !== 200) throw new Error(`no pairing code: ${status} ${JSON.stringify(body)}`);
      return multi ? body.pairingCode : body.data.pairingCode;
    },
  };
  return client;
}
