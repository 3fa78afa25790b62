import * as z from "zod";
import { checkable, person } from "../../../../core/command/catalog/contact.ts";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import {
  countLids,
  findContact,
  type LidPair,
  lidJid,
  personJid,
  readContacts,
  readLids,
} from "../../../../core/contact/index.ts";
import { commandEndpoint } from "../../engine/command-endpoint.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import { getLidPair } from "../../operations/contact.ts";
import { paginationShape } from "../../shape/common.ts";
import { contact, contactsQuery, paginationIfPaged, toContact } from "../../shape/contact.ts";
import { envelope, enveloped } from "./envelope.ts";

const whoQuery = z.object({ phoneNumber: person });
const { name } = commandCatalog["contact.setName"].input.shape;
const { about, pictureUrl } = commandCatalog["contact.about"].output.shape;
const { size } = commandCatalog["contact.picture"].input.shape;
const { people } = commandCatalog["contact.blocked"].output.shape;
const digitsOf = (jid: string) => (jid.endsWith("@s.whatsapp.net") ? (jid.split("@")[0] ?? "") : "");

const blockResponse = envelope(
  z.object({
    /** Digits. */
    phoneNumber: z.string(),
    chatId: z.string(),
    blocked: z.boolean(),
  }),
);

const lidPair = z.object({
  lid: z.string(),
  /** Digits. */
  phoneNumber: z.string(),
  /** The JID with the phone number. */
  chatId: z.string(),
});

const toLidPair = ({ jid, lid }: LidPair): z.input<typeof lidPair> => ({
  lid,
  phoneNumber: digitsOf(jid),
  chatId: jid,
});

export const contactEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}/all",
    summary: "List contacts and groups, ordered by name",
    description: "Also works while the instance is not connected.",
    access: "read",
    scope: "contacts:read",
    query: contactsQuery,
    response: envelope(z.array(contact)).extend({
      /** Only if the query has a `limit`, or if more contacts follow. */
      pagination: paginationShape.optional(),
    }),
    toInput: ({ query }) => query,
    operation: ({ deps, instance }, input) => readContacts(deps.db, instance.id, input),
    toResponse: (page, { query }) => ({
      ...enveloped(page.contacts.map(toContact)),
      ...paginationIfPaged(page, query),
    }),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}/check-exists",
    summary: "Check whether a phone number is on WhatsApp",
    access: "read",
    command: "contact.check",
    query: z.object({ phoneNumber: checkable }),
    response: envelope(
      z.object({
        phoneNumber: z.string(),
        exists: z.boolean(),
        /** The JID on WhatsApp. In some countries, its number differs from the requested number. */
        chatId: z.string().nullable(),
        lid: z.string().nullable(),
      }),
    ),
    toInput: ({ query }) => ({ numbers: [query.phoneNumber] }),
    toResponse: ({ numbers: [result] }, { query }) =>
      enveloped({
        phoneNumber: digitsOf(query.phoneNumber),
        exists: result?.exists ?? false,
        chatId: result?.jid ?? null,
        lid: result?.lid ?? null,
      }),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}/about",
    access: "read",
    command: "contact.about",
    query: whoQuery,
    response: envelope(z.object({ phoneNumber: z.string(), chatId: z.string(), about, pictureUrl })),
    toInput: ({ query }) => ({ who: query.phoneNumber }),
    toResponse: ({ jid, ...person }) =>
      enveloped({ phoneNumber: digitsOf(jid), chatId: jid, about: person.about, pictureUrl: person.pictureUrl }),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}/picture",
    access: "read",
    command: "contact.picture",
    query: whoQuery.extend({ size }),
    response: envelope(z.object({ phoneNumber: z.string(), chatId: z.string(), pictureUrl })),
    toInput: ({ query }) => ({ who: query.phoneNumber, size: query.size }),
    toResponse: (shown) =>
      enveloped({ phoneNumber: digitsOf(shown.jid), chatId: shown.jid, pictureUrl: shown.pictureUrl }),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}/blocked",
    access: "read",
    command: "contact.blocked",
    response: envelope(people),
    toInput: () => ({}),
    toResponse: (list) => enveloped(list.people),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/contacts/{instanceId}/block",
    summary: "Block a contact",
    description: "Messages from a blocked contact do not arrive.",
    access: "write",
    command: "contact.setBlocked",
    body: whoQuery,
    response: blockResponse,
    toInput: ({ body }) => ({ who: body.phoneNumber, blocked: true }),
    toResponse: ({ jid }) => enveloped({ phoneNumber: digitsOf(jid), chatId: jid, blocked: true }, "Contact blocked"),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/contacts/{instanceId}/unblock",
    summary: "Unblock a contact",
    access: "write",
    command: "contact.setBlocked",
    body: whoQuery,
    response: blockResponse,
    toInput: ({ body }) => ({ who: body.phoneNumber, blocked: false }),
    toResponse: ({ jid }) =>
      enveloped({ phoneNumber: digitsOf(jid), chatId: jid, blocked: false }, "Contact unblocked"),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}/lids",
    summary: "List the contacts whose phone number and LID are both known",
    description: "Also works while the instance is not connected.",
    access: "read",
    scope: "contacts:read",
    query: contactsQuery.omit({ search: true }),
    response: envelope(z.array(lidPair)).extend({
      /** Only if the query has a `limit`, or if more contacts follow. */
      pagination: paginationShape.optional(),
    }),
    toInput: ({ query }) => query,
    operation: ({ deps, instance }, input) => readLids(deps.db, instance.id, input),
    toResponse: (page, { query }) => ({ ...enveloped(page.pairs.map(toLidPair)), ...paginationIfPaged(page, query) }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}/lids/count",
    summary: "Count the contacts whose phone number and LID are both known",
    access: "read",
    scope: "contacts:read",
    response: envelope(z.object({ count: z.int() })),
    toInput: () => undefined,
    operation: ({ deps, instance }) => countLids(deps.db, instance.id),
    toResponse: (count) => enveloped({ count }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}/lids/pn/{phoneNumber}",
    summary: "Get the LID of a phone number",
    description: "Looks in the contacts first, then asks WhatsApp.",
    access: "read",
    scope: "contacts:read",
    response: envelope(lidPair),
    errors: ["contact_not_found", "instance_not_connected", "whatsapp_error"],
    mayPend: true,
    toInput: ({ params }) => personJid(params.phoneNumber),
    operation: getLidPair,
    toResponse: (pair) => enveloped(toLidPair(pair)),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}/lids/{lid}",
    summary: "Get the phone number of a LID",
    description: "Looks in the contacts first, then in the LIDs that the session has learned from WhatsApp.",
    access: "read",
    scope: "contacts:read",
    response: envelope(lidPair),
    errors: ["contact_not_found", "instance_not_connected", "whatsapp_error"],
    mayPend: true,
    toInput: ({ params }) => lidJid(params.lid),
    operation: getLidPair,
    toResponse: (pair) => enveloped(toLidPair(pair)),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}",
    summary: "Get a contact by phone number, JID or LID",
    description: "Also works while the instance is not connected.",
    access: "read",
    scope: "contacts:read",
    query: whoQuery,
    response: envelope(contact),
    errors: ["contact_not_found"],
    toInput: ({ query }) => query.phoneNumber,
    operation: ({ deps, instance }, input) => findContact(deps.db, instance.id, input),
    toResponse: (found) => enveloped(toContact(found)),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/contacts/{instanceId}/{chatId}",
    access: "write",
    command: "contact.setName",
    body: z.object({ name }),
    response: envelope(z.object({ phoneNumber: z.string(), chatId: z.string(), name: z.string() })),
    toInput: ({ params, body }) => ({ who: params.chatId, name: body.name }),
    toResponse: ({ jid }, { body }) =>
      enveloped({ phoneNumber: digitsOf(jid), chatId: jid, name: body.name }, "Contact updated"),
  }),
];
