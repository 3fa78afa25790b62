import { expect, test } from "vitest";
import { createLogger } from "../../core/log.ts";
import type { Change } from "../../session-host/change.ts";
import type { ClaimedCommand } from "../../session-host/claim.ts";
import { SendQueue } from "../../session-host/send-queue.ts";

const command = (id: string, deadline: number): ClaimedCommand => ({
  id,
  instanceId: "instance",
  name: "message.sendText",
  kind: "send",
  input: { to: "4915550000002@s.whatsapp.net", text: id },
  waId: `3EB0${id}`,
  chatId: "4915550000002@s.whatsapp.net",
  payload: null,
  position: 1,
  attempts: 0,
  deadline: new Date(deadline),
  correlationId: "test",
});

test("what waits for a connection that does not come is given up when its time is over, and the rest goes on waiting", () => {
  const recorded: Change[] = [];
  const queue = new SendQueue({
    log: createLogger("test", "silent"),
    record: async (change) => {
      recorded.push(change);
    },
    countAttempt: async () => 1,
    onSilence: () => undefined,
  });
  queue.push(command("LATE", Date.now() - 1));
  queue.push(command("EARLY", Date.now() + 60_000));
  queue.expire();
  expect(recorded).toMatchObject([
    {
      commands: [{ id: "LATE", status: "failed", errorCode: "command_expired" }],
      messageUpdates: [{ waId: "3EB0LATE", set: { status: "failed", error: "command_expired" } }],
      events: [{ type: "message.failed", data: { messageId: "3EB0LATE", code: "command_expired" } }],
    },
  ]);
  expect(queue.has("EARLY")).toBe(true);
  expect(queue.size).toBe(1);
});
