import type * as z from "zod";
import type { AppError } from "../../core/error.ts";
import type { Row } from "./row.ts";

/** One of the two APIs: a table of endpoints, and how it wraps what is the same in both. */
export interface Dialect {
  readonly name: string;
  readonly rows: readonly Row[];
  /** Whether a path without an endpoint belongs to it; decides how the error looks. */
  owns(path: string): boolean;
  /** Whether its requests are limited in number (`RATE_LIMIT`), and its answers say so in headers. */
  readonly limited: boolean;
  readonly errorType: string;
  readonly errorSchema: z.ZodType;
  error(error: AppError, path: string): unknown;
  /** The body of 202: the command goes on, and here is where to look. */
  readonly pendingSchema: z.ZodType;
  pending(commandId: string): unknown;
}

export const commandPath = (commandId: string) => `/api/commands/${commandId}`;
