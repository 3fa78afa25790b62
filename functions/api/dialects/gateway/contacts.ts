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
import { commandEndpoint, instanceEndpoint } from "../../engine/endpoint.ts";
import { getLid } from "../../operations/contact.ts";
import { paginationShape } from "../../shape/common.ts";
import { contact, contactsPagination, contactsQuery, toContact } from "../../shape/contact.ts";
import { envelope, enveloped } from "./envelope.ts";

const who = z.object({ phoneNumber: person });
const { name } = commandCatalog["contact.setName"].input.shape;
const { about, pictureUrl } = commandCatalog["contact.about"].output.shape;
const digits = (jid: string) => (jid.endsWith("@s.whatsapp.net") ? (jid.split("@")[0] ?? "") : "");

const blocking = envelope(
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

const toLidPair = ({ jid, lid }: LidPair): z.input<typeof lidPair> => ({ lid, phoneNumber: digits(jid), chatId: jid });

export const contactEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}/all",
    summary: "List contacts and groups, ordered by name",
    description: "Also works while the instance is not connected.",
    access: "read",
    query: contactsQuery,
    answer: envelope(z.array(contact)).extend({
      /** Only if the query has a `limit`. */
      pagination: paginationShape.optional(),
    }),
    in: ({ query }) => query,
    does: ({ deps, instance }, input) => readContacts(deps.db, instance.id, input),
    out: (page, { query }) => ({ ...enveloped(page.contacts.map(toContact)), ...contactsPagination(page, query) }),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}/check-exists",
    summary: "Check whether a phone number is on WhatsApp",
    access: "read",
    command: "contact.check",
    query: z.object({ phoneNumber: checkable }),
    answer: envelope(
      z.object({
        phoneNumber: z.string(),
        exists: z.boolean(),
        /** The JID on WhatsApp. In some countries its number differs from the requested one. */
        chatId: z.string().nullable(),
        lid: z.string().nullable(),
      }),
    ),
    in: ({ query }) => ({ numbers: [query.phoneNumber] }),
    out: ({ numbers: [answer] }, { query }) =>
      enveloped({
        phoneNumber: digits(query.phoneNumber),
        exists: answer?.exists ?? false,
        chatId: answer?.jid ?? null,
        lid: answer?.lid ?? null,
      }),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}/about",
    access: "read",
    command: "contact.about",
    query: who,
    answer: envelope(z.object({ phoneNumber: z.string(), chatId: z.string(), about, pictureUrl })),
    in: ({ query }) => ({ who: query.phoneNumber }),
    out: ({ jid, ...shown }) =>
      enveloped({ phoneNumber: digits(jid), chatId: jid, about: shown.about, pictureUrl: shown.pictureUrl }),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/contacts/{instanceId}/block",
    summary: "Block a contact",
    description: "Messages from a blocked contact do not arrive.",
    access: "write",
    command: "contact.setBlocked",
    body: who,
    answer: blocking,
    in: ({ body }) => ({ who: body.phoneNumber, blocked: true }),
    out: ({ jid }) => enveloped({ phoneNumber: digits(jid), chatId: jid, blocked: true }, "Contact blocked"),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/contacts/{instanceId}/unblock",
    summary: "Unblock a contact",
    access: "write",
    command: "contact.setBlocked",
    body: who,
    answer: blocking,
    in: ({ body }) => ({ who: body.phoneNumber, blocked: false }),
    out: ({ jid }) => enveloped({ phoneNumber: digits(jid), chatId: jid, blocked: false }, "Contact unblocked"),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}/lids",
    summary: "List the contacts whose phone number and LID are both known",
    description: "Also works while the instance is not connected.",
    access: "read",
    answer: envelope(z.array(lidPair)),
    in: () => undefined,
    does: ({ deps, instance }) => readLids(deps.db, instance.id),
    out: (pairs) => enveloped(pairs.map(toLidPair)),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}/lids/count",
    summary: "Count the contacts whose phone number and LID are both known",
    access: "read",
    answer: envelope(z.object({ count: z.int() })),
    in: () => undefined,
    does: ({ deps, instance }) => countLids(deps.db, instance.id),
    out: (count) => enveloped({ count }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}/lids/pn/{phoneNumber}",
    summary: "Get the LID of a phone number",
    description: "Looks in the contacts first, then asks WhatsApp.",
    access: "read",
    answer: envelope(lidPair),
    errors: ["contact_not_found", "instance_not_connected", "whatsapp_error"],
    mayPend: true,
    in: ({ params }) => personJid(params.phoneNumber),
    does: getLid,
    out: (pair) => enveloped(toLidPair(pair)),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}/lids/{lid}",
    summary: "Get the phone number of a LID",
    description: "Looks in the contacts first, then in the LIDs that the session has learned.",
    access: "read",
    answer: envelope(lidPair),
    errors: ["contact_not_found", "instance_not_connected", "whatsapp_error"],
    mayPend: true,
    in: ({ params }) => lidJid(params.lid),
    does: getLid,
    out: (pair) => enveloped(toLidPair(pair)),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}",
    summary: "Get a contact by phone number, JID or LID",
    description: "Also works while the instance is not connected.",
    access: "read",
    query: who,
    answer: envelope(contact),
    errors: ["contact_not_found"],
    in: ({ query }) => query.phoneNumber,
    does: ({ deps, instance }, input) => findContact(deps.db, instance.id, input),
    out: (one) => enveloped(toContact(one)),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/contacts/{instanceId}/{chatId}",
    access: "write",
    command: "contact.setName",
    body: z.object({ name }),
    answer: envelope(z.object({ phoneNumber: z.string(), chatId: z.string(), name: z.string() })),
    in: ({ params, body }) => ({ who: params.chatId, name: body.name }),
    out: ({ jid }, { body }) =>
      enveloped({ phoneNumber: digits(jid), chatId: jid, name: body.name }, "Contact updated"),
  }),
];
