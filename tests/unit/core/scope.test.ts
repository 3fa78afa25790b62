import { expect, test } from "vitest";
import { scopeOfCommand } from "../../../core/command/scope.ts";

test.each(["instance.clearQueue", "instance.pauseSends", "instance.resumeSends", "message.sendText"] as const)(
  "%s needs the scope of sending",
  (name) => {
    expect(scopeOfCommand(name)).toBe("messages:send");
  },
);

test("other changes of an instance need the scope of instances", () => {
  expect(scopeOfCommand("instance.stop")).toBe("instances:write");
});
