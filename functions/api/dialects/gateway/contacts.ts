import * as z from "zod";
import { checkable, person } from "../../../../core/command/catalog/contact.ts";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { type LidPair, lidJid, personJid } from "../../../../core/contact/index.ts";
import { pagination } from "../../../../core/page.ts";
import { commandEndpoint, instanceEndpoint } from "../../endpoint.ts";
import { getContact, getLid, getLidCount, listContacts, listLids } from "../../operations/contact.ts";
import { paginationShape } from "../../shapes.ts";
import { contact, listQuery, toContact } from "../multi-instance/contacts.ts";
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
  /** By phone number. */
  chatId: z.string(),
});

const toLidPair = ({ jid, lid }: LidPair): z.input<typeof lidPair> => ({ lid, phoneNumber: digits(jid), chatId: jid });

export const contactRows = [
  instanceEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}/all",
    summary: "Whom the account knows, people and groups, by name; also while it is not connected",
    access: "read",
    query: listQuery,
    answer: envelope(z.array(contact)).extend({
      /** When `limit` is given. */
      pagination: paginationShape.optional(),
    }),
    does: listContacts,
    in: ({ query }) => query,
    out: ({ contacts, total }, { query }) => ({
      ...enveloped(contacts.map(toContact)),
      ...(query.limit === undefined
        ? {}
        : { pagination: pagination({ limit: query.limit, skip: query.skip ?? 0 }, contacts.length, total) }),
    }),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}/check-exists",
    summary: "Ask WhatsApp whether a phone number is on it",
    access: "read",
    command: "contact.check",
    query: z.object({ phoneNumber: checkable }),
    answer: envelope(
      z.object({
        phoneNumber: z.string(),
        exists: z.boolean(),
        /** WhatsApp's own spelling, which for some countries is not the one that was asked. */
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
    summary: commandCatalog["contact.about"].summary,
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
    summary: "Block a person: their messages no longer arrive",
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
    summary: "Let a person write again who was blocked",
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
    summary: "The contacts of whom both phone number and LID are known; also while it is not connected",
    access: "read",
    answer: envelope(z.array(lidPair)),
    does: listLids,
    in: () => undefined,
    out: (pairs) => enveloped(pairs.map(toLidPair)),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}/lids/count",
    summary: "How many contacts there are of whom both phone number and LID are known",
    access: "read",
    answer: envelope(z.object({ count: z.int() })),
    does: getLidCount,
    in: () => undefined,
    out: (count) => enveloped({ count }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}/lids/pn/{phoneNumber}",
    summary: "The LID of a phone number: from the contacts, else WhatsApp is asked",
    access: "read",
    answer: envelope(lidPair),
    errors: ["contact_not_found", "instance_not_connected", "whatsapp_error"],
    mayPend: true,
    does: getLid,
    in: ({ params }) => personJid(params.phoneNumber),
    out: (pair) => enveloped(toLidPair(pair)),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}/lids/{lid}",
    summary: "The phone number behind a LID: from the contacts, else from what else the session was told",
    access: "read",
    answer: envelope(lidPair),
    errors: ["contact_not_found", "instance_not_connected", "whatsapp_error"],
    mayPend: true,
    does: getLid,
    in: ({ params }) => lidJid(params.lid),
    out: (pair) => enveloped(toLidPair(pair)),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/contacts/{instanceId}",
    summary: "One contact, by phone number, JID or LID; also while it is not connected",
    access: "read",
    query: who,
    answer: envelope(contact),
    errors: ["contact_not_found"],
    does: getContact,
    in: ({ query }) => ({ contactId: query.phoneNumber }),
    out: (one) => enveloped(toContact(one)),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/contacts/{instanceId}/{chatId}",
    summary: commandCatalog["contact.setName"].summary,
    access: "write",
    command: "contact.setName",
    body: z.object({ name }),
    answer: envelope(z.object({ phoneNumber: z.string(), chatId: z.string(), name: z.string() })),
    in: ({ params, body }) => ({ who: params.chatId, name: body.name }),
    out: ({ jid }, { body }) =>
      enveloped({ phoneNumber: digits(jid), chatId: jid, name: body.name }, "Contact updated"),
  }),
];
