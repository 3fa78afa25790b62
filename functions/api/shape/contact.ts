import * as z from "zod";
import type { Contact } from "../../../core/contact/index.ts";
import type { Pagination } from "../../../core/page.ts";
import { pageQuery, queryText } from "./common.ts";

/** A contact in both dialects. */
export const contact = z.object({
  /** The JID: with the phone number if known, otherwise the LID; for a group `…@g.us`. */
  id: z.string(),
  /** The first known of: name in the address book (for a group its subject), business name, push name, number. */
  name: z.string(),
  /** Digits; for a group those of its id. Empty if only the LID is known. */
  number: z.string(),
  isGroup: z.boolean(),
  lid: z.string().nullable(),
  /** The name that the contact chose. */
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

export const contactsQuery = z.object({
  limit: limit.meta({ description: "1 to 1000; default as many as fit in a response" }),
  skip,
  search: queryText(100).optional().meta({ description: "Part of a name or number" }),
});

/** Returns the pagination of a list if the query has a `limit`, or if the list goes on after this page. */
export const paginationIfPaged = (
  { pagination }: { pagination: Pagination },
  query: { limit?: number | undefined },
): { pagination?: Pagination } => (query.limit === undefined && !pagination.hasMore ? {} : { pagination });
