import * as z from "zod";
import { maxProducts } from "../../../../core/command/catalog/business.ts";
import { person } from "../../../../core/command/catalog/contact.ts";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { commandEndpoint } from "../../engine/command-endpoint.ts";
import { wholeNumber } from "../../shape/common.ts";
import { envelope, enveloped } from "./envelope.ts";

const {
  "business.getProfile": getProfile,
  "business.setProfile": setProfile,
  "business.catalog": catalog,
  "business.collections": collections,
  "business.order": order,
} = commandCatalog;

/** The account that the request is about. The default is the account of the instance. */
const phoneNumber = person.optional();

const limit = wholeNumber.pipe(z.int().min(1).max(maxProducts)).optional();

export const businessEndpoints = [
  commandEndpoint({
    method: "get",
    path: "/api/business/{instanceId}/profile",
    access: "read",
    command: "business.getProfile",
    query: z.object({ phoneNumber }),
    response: envelope(z.object({ chatId: z.string(), profile: getProfile.output.shape.profile })),
    toInput: ({ query }) => ({ who: query.phoneNumber }),
    toResponse: ({ jid, profile }) => enveloped({ chatId: jid, profile }),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/business/{instanceId}/profile",
    access: "write",
    command: "business.setProfile",
    body: setProfile.input,
    response: envelope(z.object({ instanceId: z.string() })),
    toInput: ({ body }) => body,
    toResponse: (_result, { params }) => enveloped({ instanceId: params.instanceId }, "Business profile updated"),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/business/{instanceId}/catalog",
    access: "read",
    command: "business.catalog",
    query: z.object({ phoneNumber, limit, cursor: catalog.input.shape.cursor }),
    response: envelope(catalog.output),
    toInput: ({ query }) => ({ who: query.phoneNumber, limit: query.limit ?? 10, cursor: query.cursor }),
    toResponse: ({ products, nextCursor }) => enveloped({ products, nextCursor }),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/business/{instanceId}/collections",
    access: "read",
    command: "business.collections",
    query: z.object({ phoneNumber, limit }),
    response: envelope(collections.output),
    toInput: ({ query }) => ({ who: query.phoneNumber, limit: query.limit ?? 50 }),
    toResponse: (found) => enveloped({ collections: found.collections }),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/business/{instanceId}/orders/{orderId}",
    description: "The id and the token are in the content of the message with the order.",
    access: "read",
    command: "business.order",
    query: z.object({ token: order.input.shape.token }),
    response: envelope(order.output),
    toInput: ({ params, query }) => ({ orderId: params.orderId, token: query.token }),
    toResponse: ({ total, currency, products }) => enveloped({ total, currency, products }),
  }),
];
