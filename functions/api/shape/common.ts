import * as z from "zod";
import { eventQueueText } from "../../../core/event-sink/allowed.ts";
import { instanceStatuses } from "../../../core/instance/instance.sql.ts";
import type { PageRequest } from "../../../core/page.ts";

/** Shapes that both dialects use. */

export const isoDate = z.iso.datetime();
export const instanceStatus = z.enum(instanceStatuses);
export const connectionStatusShape = z.object({ ready: z.boolean(), status: instanceStatus, hasQr: z.boolean() });
export const paginationShape = z.object({ total: z.int(), limit: z.int(), skip: z.int(), hasMore: z.boolean() });

/** An empty text stands for "none", as forms send it. */
export const eventQueueSetting = z.union([eventQueueText, z.literal(""), z.null()]).optional();

/** A day, or an instant; without a zone it is UTC. */
const isoInput = z.union([z.iso.date(), z.iso.datetime({ offset: true, local: true })]);

const dayMs = 24 * 60 * 60 * 1000;
const isDay = (text: string) => /^\d{4}-\d{2}-\d{2}$/.test(text);
const instantOf = (text: string) => new Date(/(?:Z|[+-]\d{2}:\d{2})$/.test(text) || isDay(text) ? text : `${text}Z`);

/** Of the years that Postgres reads as JavaScript writes them: nothing of ours is older or newer. */
const [firstInstant, lastInstant] = [Date.parse("0001-01-01T00:00:00Z"), Date.parse("9999-12-31T00:00:00Z")];
const writable = (ms: number) => new Date(Math.min(Math.max(ms, firstInstant), lastInstant));

/** Text of a query that goes to Postgres, which takes no NUL. */
export const queryText = (max: number) =>
  z
    .string()
    .max(max)
    .refine((text) => !text.includes("\u0000"), "must not have NUL characters");

/** A query has only texts; the document shows them as the numbers they stand for. */
export const wholeNumberPattern = "^\\d{1,9}$";

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(new RegExp(wholeNumberPattern), "must be a whole number")
    .transform(Number)
    .pipe(z.number().min(min).max(max));

/** `limit`, `skip`, `startDate` and `endDate`, both included: an end that is a day means the whole day. */
export const pageQuery = (defaultLimit: number) =>
  z.object({
    limit: wholeNumber(1, 1000)
      .optional()
      .meta({ description: `1 to 1000, default ${defaultLimit}` }),
    skip: wholeNumber(0, 999_999_999).optional().meta({ description: "default 0" }),
    startDate: isoInput.optional().meta({ description: "ISO 8601" }),
    endDate: isoInput.optional().meta({ description: "ISO 8601; a day means the whole day" }),
  });

export function pageRequest(query: z.output<ReturnType<typeof pageQuery>>, defaultLimit: number): PageRequest {
  const { startDate, endDate } = query;
  const end = endDate === undefined ? undefined : instantOf(endDate).getTime() + (isDay(endDate) ? dayMs : 1);
  return {
    limit: query.limit ?? defaultLimit,
    skip: query.skip ?? 0,
    from: startDate === undefined ? undefined : writable(instantOf(startDate).getTime()),
    before: end === undefined ? undefined : writable(end),
  };
}

/** `limit` and `skip` alone. */
export const pageOnly = (defaultLimit: number) => pageQuery(defaultLimit).omit({ startDate: true, endDate: true });

/** The body field that schedules a send. */
export const sendAt = z
  .union([z.iso.datetime({ offset: true }), z.iso.datetime({ offset: true, precision: -1 })])
  .optional()
  .meta({ description: "When to send it: ISO 8601 with a time zone, up to a year ahead. Without it, now" });
