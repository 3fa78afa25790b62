import type * as z from "zod";
import type { AppError } from "../../../core/error.ts";
import type { Endpoint } from "./endpoint.ts";

/** One of the two APIs: a table of endpoints, and how it wraps what is the same in both. */
export interface Dialect {
  readonly name: string;
  /**
   * Its endpoints by their family, the path behind `/api/`. Each is loaded with the first request to it: to load all takes
   * several times as long as to serve one.
   */
  readonly families: Readonly<Record<string, () => Promise<readonly Endpoint[]>>>;
  /** Whether a path without an endpoint belongs to it; decides how the error looks. */
  owns(path: string): boolean;
  /** Whether its requests are limited in number (`RATE_LIMIT`), and its answers say so in headers. */
  readonly limited: boolean;
  readonly errorType: string;
  error(error: AppError, path: string): unknown;
  /** The body of 202: the command goes on, and here is where to look. */
  pending(commandId: string): unknown;
  /** What those two look like; loaded by who describes them. */
  shapes(): Promise<Shapes>;
}

export interface Shapes {
  readonly error: z.ZodType;
  readonly pending: z.ZodType;
}

/** A dialect with all its endpoints. */
export interface Table extends Omit<Dialect, "shapes"> {
  readonly endpoints: readonly Endpoint[];
  readonly shapes: Shapes;
}

export async function tableOf(dialect: Dialect): Promise<Table> {
  const families = await Promise.all(Object.values(dialect.families).map((load) => load()));
  return { ...dialect, endpoints: families.flat(), shapes: await dialect.shapes() };
}

export const commandPath = (commandId: string) => `/api/commands/${commandId}`;
