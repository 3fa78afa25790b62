import type * as z from "zod";
import { AppError } from "./error.ts";
import { faultsOf } from "./issue.ts";
import { describeUnknown, pathText, unknownFields } from "./unknown-field.ts";

/** The error of a request must fit in a queue and in a log line. UTF-16 code units. */
const maxDetails = 1_000;
const maxIssues = 10;

/** What the caller wrote: the whole (`body`), and one of its fields. */
export interface Written {
  whole: string;
  field: string;
}

/**
 * Returns the value as the schema reads it. Throws `invalid_request` if the value does not match the schema, or has fields
 * that the schema doesn't declare, which would otherwise have no effect. The error contains no values.
 */
export function validated<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  written: Written,
): z.output<Schema> {
  const result = schema.safeParse(value);
  const unknown = unknownFields(schema, value, result.success);
  if (result.success && unknown.length === 0) return result.data;
  throw invalid([
    ...unknown.map((field) => describeUnknown(field, written.field)),
    // `unknown` has the unrecognized keys too.
    ...faultsOf((result.error?.issues ?? []).filter(({ code }) => code !== "unrecognized_keys" || unknown.length === 0))
      .slice(0, maxIssues + 1)
      .map(({ path, message }) => `${pathText(path) || written.whole}: ${message}`),
  ]);
}

/** Throws `invalid_request` if the value has fields that the schema doesn't declare. Ignores faults of declared fields. */
export function assertKnownFields(schema: z.ZodType, value: unknown, { whole, field }: Written): void {
  const unknown = unknownFields(schema, value, schema.safeParse(value).success);
  if (unknown.length === 0) return;
  throw invalid(unknown.map((one) => describeUnknown({ ...one, path: [whole, ...one.path] }, field)));
}

/** Throws `invalid_request` if the value is an object with fields. */
export function assertNoFields(value: unknown, { field }: Written): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return;
  const unknown = Object.keys(value).slice(0, maxIssues + 1);
  if (unknown.length > 0) throw invalid(unknown.map((name) => describeUnknown({ path: [name], known: [] }, field)));
}

/** Throws `invalid_request` if a field has several values. */
export function assertNotRepeated(values: Readonly<Record<string, readonly string[]>>): void {
  const repeated = Object.keys(values).filter((name) => (values[name]?.length ?? 0) > 1);
  if (repeated.length > 0) {
    throw invalid(repeated.slice(0, maxIssues + 1).map((name) => `${pathText([name])}: must not be repeated`));
  }
}

function invalid(problems: readonly string[]): AppError {
  const more = problems.length > maxIssues ? ["and more"] : [];
  return new AppError("invalid_request", [...problems.slice(0, maxIssues), ...more].join("; ").slice(0, maxDetails));
}
