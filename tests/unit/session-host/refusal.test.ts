import { Boom } from "@hapi/boom";
import postgres from "postgres";
import { expect, test } from "vitest";
import { isRefusal } from "../../../session-host/ledger/refusal.ts";

/** Returns an error as Baileys throws it for WhatsApp's response to a query. */
const queryError = (code: number) => new Boom("from WhatsApp", { data: code });

const postgresError = (code: string) =>
  Object.assign(Object.create(postgres.PostgresError.prototype) as Error, { code, message: "from Postgres" });

test.each([
  ["text that Postgres can't store", postgresError("22021")],
  ["a row that is too long for an index", postgresError("54000")],
  ["a stanza that Baileys can't read", new Boom("Invalid buffer")],
  ["a stanza that our code can't read", new TypeError("no attributes")],
  ["an address that WhatsApp rejects", queryError(400)],
  ["an address that does not exist", queryError(404)],
])("%s is a refusal", (_what, error) => expect(isRefusal(error)).toBe(true));

test.each([
  ["a restart of the database", postgresError("57P01")],
  ["an instance that was removed", postgresError("23503")],
  ["a closed connection to the database", Object.assign(new Error("closed"), { code: "CONNECTION_CLOSED" })],
  ["a closed connection to WhatsApp", new Boom("Connection Closed", { statusCode: 428 })],
  ["a query that timed out", new Boom("Timed Out", { statusCode: 408 })],
  ["a query over WhatsApp's rate limit", queryError(429)],
  ["an internal error of WhatsApp", queryError(500)],
  ["a service of WhatsApp that is unavailable", queryError(503)],
])("%s is not a refusal", (_what, error) => expect(isRefusal(error)).toBe(false));
