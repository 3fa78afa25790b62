import { type ContactsRequest, findContact, readContacts } from "../../../core/contact/index.ts";
import type { InstanceContext } from "../context.ts";

export const listContacts = (context: InstanceContext, request: ContactsRequest) =>
  readContacts(context.deps.db, context.instance.id, request);

export const getContact = (context: InstanceContext, { contactId }: { contactId: string }) =>
  findContact(context.deps.db, context.instance.id, contactId);
