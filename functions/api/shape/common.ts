import * as z from "zod";
import { localOrInstant, nearestInstant } from "../../../core/instant.ts";
import type { PageRequest } from "../../../core/page.ts";

export const isoDate = z.iso.datetime();
export const paginationShape = z.object({ total: z.int(), limit: z.int(), skip: z.int(), hasMore: z.boolean() });

/** An ISO 8601 date, or a date with time. A time without a zone is UTC. */
const dateInput = z.union([z.iso.date(), z.iso.datetime({ offset: true, local: true })]);

const dayMs = 24 * 60 * 60 * 1000;
const isDay = (text: string) => /^\d{4}-\d{2}-\d{2}$/.test(text);
const instantOf = (text: string) => new Date(/(?:Z|[+-]\d{2}:\d{2})$/.test(text) || isDay(text) ? text : `${text}Z`);

/** Text from a query string for Postgres, which rejects NUL characters. */
export const queryText = (max: number) =>
  z
    .string()
    .max(max)
    .refine((text) => !text.includes("\u0000"), "must not contain NUL characters");

/** Query parameters are strings. The OpenAPI document describes those with this pattern as integers. */
export const wholeNumberPattern = "^\\d{1,9}$";

export const wholeNumber = z.string().regex(new RegExp(wholeNumberPattern), "must be a whole number").transform(Number);

/** The parameters of a page: `limit`, `skip`, `startDate` and `endDate`. Both dates are inclusive. */
export const pageQuery = (defaultLimit: number) =>
  z.object({
    limit: wholeNumber
      .pipe(z.number().min(1).max(1000))
      .optional()
      .meta({ description: `1 to 1000, default ${defaultLimit}; a page of large items has fewer` }),
    skip: wholeNumber.pipe(z.number()).optional().meta({ description: "default 0" }),
    startDate: dateInput.optional().meta({ description: "ISO 8601" }),
    endDate: dateInput.optional().meta({ description: "ISO 8601; a date includes the whole day" }),
  });

export function pageRequest(query: z.output<ReturnType<typeof pageQuery>>, defaultLimit: number): PageRequest {
  const { startDate, endDate } = query;
  const end = endDate === undefined ? undefined : instantOf(endDate).getTime() + (isDay(endDate) ? dayMs : 1);
  return {
    limit: query.limit ?? defaultLimit,
    skip: query.skip ?? 0,
    from: startDate === undefined ? undefined : nearestInstant(instantOf(startDate).getTime()),
    before: end === undefined ? undefined : nearestInstant(end),
  };
}

/** The parameters of a page, without the dates. */
export const undatedPageQuery = (defaultLimit: number) =>
  pageQuery(defaultLimit).omit({ startDate: true, endDate: true });

/** The body field that schedules a send. */
export const sendAt = localOrInstant.optional().meta({
  description:
    "When to send: ISO 8601, up to a year ahead; default now. Without an offset, it is a time of the instance's timezone, which must be set",
});
