import { writeFileSync } from "node:fs";
import { type EventType, eventCatalog } from "../../../core/event/catalog/index.ts";
import { eventName } from "../../../core/webhook/body/name.ts";
import { hasWebhook, isDefault } from "../../../core/webhook/body/selection.ts";

/** Returns the page that lists the events that an endpoint can choose. */
export function webhookEventsPage(): string {
  const types = Object.keys(eventCatalog) as EventType[];
  const cell = (dialect: "gateway" | "multi-instance", type: EventType) => {
    if (!hasWebhook(dialect, type)) return "–";
    return `\`${eventName(dialect, type)}\`${isDefault(dialect, type) ? "" : ", off by default"}`;
  };
  const rows = types.map(
    (type) =>
      `| \`${type}\` | ${eventCatalog[type].summary} | ${cell("multi-instance", type)} | ${cell("gateway", type)} |`,
  );
  const lines = [
    "# Webhook events",
    "",
    "After reading this page, you can choose the events of a webhook endpoint. `npm run docs` generates the page.",
    "",
    "An endpoint's `events` accepts event types and the names in either API. By default, an endpoint gets the events that its API documents,",
    "and all events about messages. [Webhooks](../guides/webhooks.md#choose-events) explains how to choose others.",
    "",
    "| event type | meaning | Multi-Instance API | Gateway API |",
    "| --- | --- | --- | --- |",
    ...rows,
  ];
  return `${lines.join("\n")}\n`;
}

if (import.meta.main) writeFileSync("docs/reference/webhook-events.md", webhookEventsPage());
