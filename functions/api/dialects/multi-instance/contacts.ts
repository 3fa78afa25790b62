import * as z from "zod";
import { checkable, maxChecked } from "../../../../core/command/catalog/contact.ts";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { findContact, readContacts } from "../../../../core/contact/index.ts";
import { commandEndpoint } from "../../engine/command-endpoint.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import { paginationShape } from "../../shape/common.ts";
import { contact, contactsQuery, paginationIfPaged, toContact } from "../../shape/contact.ts";

const checkResult = commandCatalog["contact.check"].output.shape.numbers.element;

export const contactEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/whatsapp/{instanceId}/contacts",
    summary: "List contacts and groups, ordered by name",
    description: "Also works while the instance is not connected.",
    access: "read",
    scope: "contacts:read",
    query: contactsQuery,
    response: z.object({
      contacts: z.array(contact),
      /** Only if the query has a `limit`, or if more contacts follow. */
      pagination: paginationShape.optional(),
    }),
    toInput: ({ query }) => query,
    operation: ({ deps, instance }, input) => readContacts(deps.db, instance.id, input),
    toResponse: (page, { query }) => ({ contacts: page.contacts.map(toContact), ...paginationIfPaged(page, query) }),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/whatsapp/{instanceId}/contacts/{contactId}",
    summary: "Get a contact or group by phone number, JID or LID",
    access: "read",
    scope: "contacts:read",
    response: contact,
    errors: ["contact_not_found"],
    toInput: ({ params }) => params.contactId,
    operation: ({ deps, instance }, input) => findContact(deps.db, instance.id, input),
    toResponse: toContact,
  }),
  commandEndpoint({
    method: "get",
    path: "/api/whatsapp/{instanceId}/check/{phone}",
    summary: "Check whether a phone number is on WhatsApp",
    access: "read",
    command: "contact.check",
    response: checkResult,
    toInput: ({ params }) => ({ numbers: [params.phone] }),
    toResponse: ({ numbers }) => firstOf(numbers),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/whatsapp/{instanceId}/check",
    summary: `Check whether phone numbers are on WhatsApp, up to ${maxChecked} per request`,
    access: "read",
    command: "contact.check",
    body: z.object({ phones: z.array(checkable).min(1).max(maxChecked) }),
    /** In the order of the request. */
    response: z.object({ numbers: z.array(checkResult) }),
    toInput: ({ body }) => ({ numbers: body.phones }),
    toResponse: ({ numbers }) => ({ numbers }),
  }),
];

function firstOf<Item>([first]: readonly Item[]): Item {
  if (first === undefined) throw new Error("contact.check returned no result for one number");
  return first;
}
