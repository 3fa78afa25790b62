import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { webhookEventsPage } from "../support/docs/webhook-events.ts";

test("docs/reference/webhook-events.md equals the output of `npm run docs`", () => {
  expect(readFileSync("docs/reference/webhook-events.md", "utf8")).toBe(webhookEventsPage());
});
