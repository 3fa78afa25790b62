import type { Phone } from "../../../../simulator/index.ts";
import type { Answer } from "../../gateway/test-gateway.ts";
import type { FileServer } from "../../network/file-server.ts";
import { until } from "../../until.ts";
import { gatewayDocument } from "../documents.ts";
import type { Basics, Case, Request } from "../suite.ts";

/** What the requests of the Gateway API are made of. Bob and Carol have the numbers of the document's examples. */
export interface World extends Basics {
  owner: Phone;
  bob: Phone;
  carol: Phone;
  /** Has what the examples take from `example.com`. */
  files: FileServer;
  /** Messages to Bob and from him. */
  sent: string;
  received: string;
  /** JID of a group of ours with both, and of a channel of Bob's. */
  group: string;
  channel: string;
}

/**
 * A case whose happy request is what the document shows; `with` puts into it what the document leaves to its reader, as the
 * id of a message.
 */
export type GatewayCase = Omit<Case<World>, "happy"> & { with?(world: World): Request | Promise<Request> };
export type GatewayCases = Record<string, GatewayCase>;

const examples = new Map(gatewayDocument.endpoints.map((one) => [one.endpoint, one]));

/** The document's text with addresses of this machine in place of the document's. */
export const onThisMachine = (text: string, { gate, files }: Pick<World, "gate" | "files">) =>
  text
    .replaceAll("https://your-webhook.com/webhook", gate.receiver.url)
    .replaceAll("https://example.com", files.url(""));

/** What the document shows for the endpoint, with what it leaves to its reader. */
export function withExample(endpoint: string, { with: extra, ...rest }: GatewayCase): Case<World> {
  const { query, requests: [body] = [] } = examples.get(endpoint) ?? {};
  return {
    ...rest,
    async happy(world) {
      const given = (await extra?.(world)) ?? {};
      const shown = body === undefined ? undefined : (JSON.parse(onThisMachine(JSON.stringify(body), world)) as object);
      return {
        ...(query === undefined ? {} : { query }),
        ...given,
        params: { chatId: world.bob.jid, groupId: world.group, ...given.params },
        ...(shown || given.body ? { body: { ...shown, ...(given.body as object | undefined) } } : {}),
      };
    },
  };
}

/** The message is at Bob's phone under the id that was answered. */
export const arrives = ({ bob }: World, { body }: Answer) =>
  bob.waitFor((message) => message.id === body.data.messageId && message.copies === 1);

/** Waits until it holds at a phone. */
export const holds = (what: () => unknown) => until(async () => (what() ? true : undefined));
