import { Boom } from "@hapi/boom";
import { expect, test, vi } from "vitest";
import { failureOf, runMutation } from "../../../session-host/command/run.ts";
import type { Change } from "../../../session-host/ledger/change.ts";

test("records what WhatsApp has changed when the output of a mutation is not as declared", async () => {
  const group = "120363000000000001@g.us";
  const recorded: Change[] = [];
  const command = { id: "1", name: "chat.setTimer", input: { chat: group, seconds: 0.5 }, correlationId: "c" };
  const context = { sock: { groupToggleEphemeral: async () => undefined } };
  const error = await runMutation(
    command as unknown as Parameters<typeof runMutation>[0],
    context as unknown as Parameters<typeof runMutation>[1],
    async (change) => void recorded.push(change),
  ).catch((thrown: unknown) => thrown);
  expect(recorded).toEqual([{ groupTimers: [{ chatId: group, seconds: 0.5 }], correlationId: "c" }]);
  expect(failureOf(error)).toMatchObject({ code: "internal", details: undefined });
});

test.each([
  ["a refusal of WhatsApp", Object.assign(new Error("not-allowed"), { data: 405 }), "whatsapp_error"],
  ["an error of Baileys", new Boom("no answer", { statusCode: 408 }), "whatsapp_error"],
  ["an error of libsignal", Object.assign(new Error("No sessions"), { name: "SessionError" }), "whatsapp_error"],
  ["too many requests", Object.assign(new Error("rate-overlimit"), { data: 429 }), "rate_limited"],
  ["a mistake of the gateway", new TypeError("x is not a function"), "internal"],
  [
    "an error of the database",
    Object.assign(new Error("deadlock"), { name: "PostgresError", code: "40P01" }),
    "internal",
  ],
])("%s fails the command with the fitting code", (_, error, code) => {
  expect(failureOf(error)).toMatchObject({ code, details: code === "internal" ? undefined : expect.any(String) });
});

test.each([
  ["refuses to show it (403)", new Boom("forbidden", { data: 403 }), undefined],
  ["refuses to show it (404)", new Boom("item-not-found", { data: 404 }), undefined],
  ["has trouble (503)", new Boom("service-unavailable", { data: 503 }), "outcome_unknown"],
  ["does not answer", new Boom("Timed Out", { statusCode: 408 }), "outcome_unknown"],
  ["closes the connection", new Boom("Connection Closed", { statusCode: 428 }), "outcome_unknown"],
])("whether a community was left is decided by a look-up, also if WhatsApp %s", async (_, error, code) => {
  const community = "120363000000000001@g.us";
  const groupMetadata = vi.fn().mockResolvedValueOnce({ isCommunity: true, participants: [] }).mockRejectedValue(error);
  const command = { id: "1", name: "community.leave", input: { community }, correlationId: "c" };
  const context = { sock: { groupMetadata, communityLeave: async () => undefined } };
  const left = await runMutation(
    command as unknown as Parameters<typeof runMutation>[0],
    context as unknown as Parameters<typeof runMutation>[1],
    async () => undefined,
  ).then(
    () => undefined,
    (thrown: unknown) => failureOf(thrown).code,
  );
  expect(left).toBe(code);
});
