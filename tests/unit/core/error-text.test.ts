import { DrizzleQueryError } from "drizzle-orm";
import postgres from "postgres";
import { expect, test } from "vitest";
import { errorText } from "../../../core/error-text.ts";
import { recordedLogger } from "../../support/log.ts";

/** Returns an error as the driver creates it. */
function refusal(fields: Record<string, string>): Error {
  const PostgresError = postgres.PostgresError as unknown as new (fields: object) => Error;
  return new PostgresError({ severity: "ERROR", ...fields });
}

const duplicate = refusal({
  code: "23505",
  message: 'duplicate key value violates unique constraint "users_email"',
  detail: "Key (email)=(s3cret) already exists.",
  where: "unnamed portal parameter $1 = 's3cret'",
  constraint_name: "users_email",
});
const invalid = refusal({ code: "22P02", message: 'invalid input syntax for type uuid: "s3cret "quoted""' });
const statement = new DrizzleQueryError("insert into users (email) values ($1)", ["s3cret"], duplicate);
const http = Object.assign(new Error("the server responded with 401"), {
  statusCode: 401,
  headers: { authorization: "s3cret" },
  body: "s3cret",
  request: { headers: ["authorization", "s3cret"] },
  data: { attrs: "s3cret" },
});

test.each<[string, Error, RegExp]>([
  ["a row that the database refuses", duplicate, /violates unique constraint.*users_email/],
  ["a value that the database can't read", invalid, /invalid input syntax for type uuid/],
  ["a statement of Drizzle", statement, /violates unique constraint/],
  ["an HTTP request", http, /responded with 401.*"statusCode":401/s],
  ["a cause", new Error("the work failed", { cause: new Error("twice", { cause: statement }) }), /the work failed/],
  ["several causes", new AggregateError([statement, http], "all failed"), /all failed/],
])("the log of an error about %s has its reason but no values", (_what, error, reason) => {
  const { log, lines } = recordedLogger("test");
  log.error({ err: error }, "failed");
  log.error({ error }, "failed");
  log.error(error);
  expect(lines).toHaveLength(3);
  for (const line of lines) {
    expect(line).toMatch(reason);
    expect(line).not.toContain("s3cret");
    expect(line).toContain("error-text.test.ts");
  }
  expect(errorText(error)).not.toContain("s3cret");
});

test("the log of an error contains its causes, up to a limit", () => {
  const { log, lines } = recordedLogger("test");
  let error = new Error("the first cause");
  for (let n = 0; n < 50; n++) error = new Error(`cause ${n}`, { cause: error });
  log.error({ err: error }, "failed");
  expect(lines[0]).toContain("cause 45");
  expect(lines[0]).not.toContain("the first cause");
});

test("the log of an error with a long message is cut", () => {
  const { log, lines } = recordedLogger("test");
  log.error({ err: new Error("x".repeat(1_000_000)) }, "failed");
  expect(lines[0]?.length).toBeLessThan(20_000);
});
