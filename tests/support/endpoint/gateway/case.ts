import type { Phone } from "../../../../simulator/index.ts";
import type { Answer } from "../../gateway/test-gateway.ts";
import type { FileServer } from "../../network/file-server.ts";
import { until } from "../../until.ts";
import type { Case, EndpointFixture, Request } from "../case.ts";
import { gatewayDocument } from "../documents.ts";

/** What the cases of the Gateway API need. Bob and Carol have the numbers in the document's examples. */
export interface GatewayFixture extends EndpointFixture {
  owner: Phone;
  bob: Phone;
  carol: Phone;
  /** Serves the files that the examples fetch from `example.com`. */
  files: FileServer;
  /** Ids of a message to Bob and of a message from Bob. */
  sent: string;
  received: string;
  /** JIDs of the owner's group with Bob and Carol, and of Bob's channel. */
  group: string;
  channel: string;
}

/**
 * A case whose valid request is the document's example. `with` adds the values that the document leaves to its reader, such
 * as the id of a message.
 */
export type GatewayCase = Omit<Case<GatewayFixture>, "happy"> & {
  with?(fixture: GatewayFixture): Request | Promise<Request>;
};
export type GatewayCases = Record<string, GatewayCase>;

const examples = new Map(gatewayDocument.endpoints.map((one) => [one.endpoint, one]));

/** Replaces the addresses in the document's text with addresses of this machine. */
export const onThisMachine = (text: string, { gate, files }: Pick<GatewayFixture, "gate" | "files">) =>
  text
    .replaceAll("https://your-webhook.com/webhook", gate.receiver.url)
    .replaceAll("https://example.com", files.url(""));

/** Makes a case of the document's example for the endpoint. */
export function withExample(endpoint: string, { with: extra, ...rest }: GatewayCase): Case<GatewayFixture> {
  const { query, requests: [body] = [] } = examples.get(endpoint) ?? {};
  return {
    ...rest,
    async happy(fixture) {
      const given = (await extra?.(fixture)) ?? {};
      const shown =
        body === undefined ? undefined : (JSON.parse(onThisMachine(JSON.stringify(body), fixture)) as object);
      return {
        ...(query === undefined ? {} : { query }),
        ...given,
        params: { chatId: fixture.bob.jid, groupId: fixture.group, ...given.params },
        ...(shown || given.body ? { body: { ...shown, ...(given.body as object | undefined) } } : {}),
      };
    },
  };
}

/** Waits until the message with the returned id is at Bob's phone, once. */
export const arrives = ({ bob }: GatewayFixture, { body }: Answer) =>
  bob.waitFor((message) => message.id === body.data.messageId && message.copies === 1);

/** Waits until the condition holds. */
export const holds = (what: () => unknown) => until(async () => (what() ? true : undefined));

/** Requests with these bodies. */
export const bodiesOf = (...some: object[]): Request[] => some.map((body) => ({ body }));

/** A request whose path has an invalid value of this parameter. */
export const invalidParameter = (name: string): Request[] => [{ params: { [name]: "x" } }];
