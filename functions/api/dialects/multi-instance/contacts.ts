import * as z from "zod";
import { checkable, maxChecked } from "../../../../core/command/catalog/contact.ts";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import type { Contact } from "../../../../core/contact/index.ts";
import { findContact, readContacts } from "../../../../core/contact/index.ts";
import { pagination } from "../../../../core/page.ts";
import { commandEndpoint, instanceEndpoint } from "../../engine/endpoint.ts";
import { pageQuery, paginationShape, queryText } from "../../shape/common.ts";

export const contact = z.object({
  /** A JID: by phone number, else the LID; of a group `…@g.us`. */
  id: z.string(),
  /** The best there is: address book (of a group its subject), business name, push name, number. */
  name: z.string(),
  /** Digits; of a group those of its id. Empty while only the LID of a person is known. */
  number: z.string(),
  isGroup: z.boolean(),
  lid: z.string().nullable(),
  /** What the contact calls itself. */
  pushName: z.string().nullable(),
  /** The verified name of a business. */
  businessName: z.string().nullable(),
});

export const toContact = ({ jid, ...rest }: Contact): z.input<typeof contact> => ({
  id: jid,
  name: rest.name,
  number: rest.number,
  isGroup: rest.isGroup,
  lid: rest.lid,
  pushName: rest.pushName,
  businessName: rest.businessName,
});

const { limit, skip } = pageQuery(1000).shape;
export const listQuery = z.object({
  limit: limit.meta({ description: "1 to 1000; without it, all" }),
  skip,
  search: queryText(100).optional().meta({ description: "A part of a name or of the number" }),
});

const checked = commandCatalog["contact.check"].output.shape.numbers.element;

export const contactEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/whatsapp/{instanceId}/contacts",
    summary: "Whom the account knows, people and groups, by name; also while it is not connected",
    access: "read",
    query: listQuery,
    answer: z.object({
      contacts: z.array(contact),
      /** When `limit` is given. */
      pagination: paginationShape.optional(),
    }),
    in: ({ query }) => query,
    does: ({ deps, instance }, input) => readContacts(deps.db, instance.id, input),
    out: ({ contacts, total }, { query }) => ({
      contacts: contacts.map(toContact),
      ...(query.limit === undefined
        ? {}
        : { pagination: pagination({ limit: query.limit, skip: query.skip ?? 0 }, contacts.length, total) }),
    }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/whatsapp/{instanceId}/contacts/{contactId}",
    summary: "One contact, by phone number, JID or LID",
    access: "read",
    answer: contact,
    errors: ["contact_not_found"],
    in: ({ params }) => params.contactId,
    does: ({ deps, instance }, input) => findContact(deps.db, instance.id, input),
    out: toContact,
  }),
  commandEndpoint({
    method: "get",
    path: "/api/whatsapp/{instanceId}/check/{phone}",
    summary: "Ask WhatsApp whether a phone number is on it",
    access: "read",
    command: "contact.check",
    answer: checked,
    in: ({ params }) => ({ numbers: [params.phone] }),
    out: ({ numbers }) => firstOf(numbers),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/whatsapp/{instanceId}/check",
    summary: `Ask WhatsApp whether phone numbers, up to ${maxChecked}, are on it`,
    access: "read",
    command: "contact.check",
    body: z.object({ phones: z.array(checkable).min(1).max(maxChecked) }),
    /** In the order of the question. */
    answer: z.object({ numbers: z.array(checked) }),
    in: ({ body }) => ({ numbers: body.phones }),
    out: ({ numbers }) => ({ numbers }),
  }),
];

function firstOf<Item>([first]: readonly Item[]): Item {
  if (first === undefined) throw new Error("one number was asked, and none answered");
  return first;
}
