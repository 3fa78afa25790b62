/** UTF-16 code units. Longer messages and stacks are cut. */
const maxMessage = 2_000;
const maxStack = 8_000;
const maxCauses = 5;

/**
 * The properties of errors that are logged, in addition to the message and the stack. Other properties may contain
 * secrets of callers: the parameters of statements, rows that the database refused, or headers and bodies of requests.
 */
const loggedProperties = [
  ...["code", "status", "statusCode", "details"],
  // Node.js
  ...["errno", "syscall", "address", "port", "hostname"],
  // Postgres
  ...["severity", "schema_name", "table_name", "column_name", "constraint_name", "routine"],
] as const;

/** An error as it is logged. */
export interface LoggedError {
  type: string;
  message: string;
  stack: string;
  cause?: LoggedError;
  aggregateErrors?: LoggedError[];
  [property: string]: unknown;
}

/** Returns the message of an error without the values that a statement has sent to the database. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error).slice(0, maxMessage);
  return messageOf(error).slice(0, maxMessage);
}

function messageOf(error: Error): string {
  // Drizzle's message contains the statement and its parameters.
  if ("query" in error && "params" in error) return error.cause ? errorText(error.cause) : "a statement failed";
  // For an invalid value (class 22), Postgres quotes the value.
  if (error.name === "PostgresError" && "code" in error && String(error.code).startsWith("22")) {
    return error.message.replace(/".*"/s, '"…"');
  }
  return error.message;
}

/** Converts an error to what is logged: its message, its stack, its causes, and properties that contain no secrets. */
export function loggedError(error: Error, depth = 0): LoggedError {
  const message = errorText(error);
  const type = error.constructor.name;
  // The first lines of a stack repeat the message.
  const frames = (error.stack ?? "").split("\n").filter((line) => /^ {4}at /.test(line));
  const logged: LoggedError = {
    type,
    message,
    stack: [`${type}: ${message}`, ...frames].join("\n").slice(0, maxStack),
  };
  for (const name of loggedProperties) {
    const value = (error as unknown as Record<string, unknown>)[name];
    if (typeof value === "string" || typeof value === "number") logged[name] = value;
  }
  if (depth === maxCauses) return logged;
  if (error.cause instanceof Error) logged.cause = loggedError(error.cause, depth + 1);
  if (error instanceof AggregateError) {
    const errors = error.errors.filter((one) => one instanceof Error).slice(0, maxCauses);
    logged.aggregateErrors = errors.map((one) => loggedError(one, depth + 1));
  }
  return logged;
}
