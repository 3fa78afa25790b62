import type * as z from "zod";
import type { AppError } from "../../../core/error.ts";
import type { Endpoint } from "./endpoint.ts";

/** One of the two APIs: its endpoints and the shapes of its error and 202 responses. */
export interface Dialect {
  readonly name: string;
  /**
   * Endpoints by family, which is the first part of their path after `/api/`. The first request to a family loads the
   * family, because loading all families takes several times as long as one request.
   */
  readonly families: Readonly<Record<string, () => Promise<readonly Endpoint[]>>>;
  /** Whether the path belongs to this dialect, with or without an endpoint. Decides the shape of errors. */
  owns(path: string): boolean;
  /** Whether `RATE_LIMIT` applies to this dialect and its responses have the `RateLimit-*` headers. */
  readonly limited: boolean;
  readonly errorType: string;
  error(error: AppError, path: string): unknown;
  /** Returns the body of a 202 response, which says where to query the command. */
  pending(commandId: string): unknown;
  /** The schemas of `error` and `pending`, loaded only for the API description. */
  shapes(): Promise<Shapes>;
}

export interface Shapes {
  readonly error: z.ZodType;
  readonly pending: z.ZodType;
}

/** A dialect with all its endpoints. */
export interface LoadedDialect extends Omit<Dialect, "shapes"> {
  readonly endpoints: readonly Endpoint[];
  readonly shapes: Shapes;
}

export async function loadDialect(dialect: Dialect): Promise<LoadedDialect> {
  const families = await Promise.all(Object.values(dialect.families).map((load) => load()));
  return { ...dialect, endpoints: families.flat(), shapes: await dialect.shapes() };
}

export const commandPath = (commandId: string) => `/api/commands/${commandId}`;
