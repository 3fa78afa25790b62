import { expect, test } from "vitest";
import * as z from "zod";
import { commandCatalog } from "../../core/command/catalog/index.ts";
import { commandEnvelope } from "../../core/command/envelope.ts";
import { errorCodes } from "../../core/error.ts";
import { eventCatalog, eventEnvelope } from "../../core/event/catalog/index.ts";

const schema = (type: z.ZodType, io: "input" | "output") => z.toJSONSchema(type, { io, unrepresentable: "any" });

// Programs that use the queues rely on the shapes in these fixtures, so a change affects them.
test("a queue message has its published shape", async () => {
  const shapes = { command: schema(commandEnvelope, "output"), event: schema(eventEnvelope, "output") };
  await expect(`${JSON.stringify(shapes, null, 2)}\n`).toMatchFileSnapshot("../fixtures/queue-messages.json");
});

test("every event has its published data", async () => {
  const shapes = Object.fromEntries(
    Object.values(eventCatalog).map((event) => [event.type, schema(event.data, "output")]),
  );
  await expect(`${JSON.stringify(shapes, null, 2)}\n`).toMatchFileSnapshot("../fixtures/events.json");
});

test("every command has its published input and output", async () => {
  const shapes = Object.fromEntries(
    Object.values(commandCatalog).map(({ name, kind, input, output, errors, offline, repeatable }) => [
      name,
      { kind, offline, repeatable, errors, input: schema(input, "input"), output: schema(output, "output") },
    ]),
  );
  await expect(`${JSON.stringify(shapes, null, 2)}\n`).toMatchFileSnapshot("../fixtures/commands.json");
});

test("every error code has its published status", async () => {
  const statuses = Object.fromEntries(Object.entries(errorCodes).map(([code, { status }]) => [code, status]));
  await expect(`${JSON.stringify(statuses, null, 2)}\n`).toMatchFileSnapshot("../fixtures/error-codes.json");
});
