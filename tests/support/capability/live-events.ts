import { defineCapability } from "./define.ts";

const bodies = "tests/integration/event/event-queue.test.ts";
const tests = "tests/api/message/events.test.ts";

export const liveEvents = [
  defineCapability({
    name: "Stream events (Server-Sent Events)",
    commands: [],
    gateway: ["GET /api/events/stream"],
    multiInstance: ["GET /api/instances/{instanceId}/events/stream"],
    simulator: null,
    tests: [
      `${tests} > of an instance sends new events with their sequence numbers as ids, and continues after any of them`,
      "tests/fault/live-events.test.ts > a stream continues after its process was killed, without loss or double",
      `${tests} > neither skips nor repeats an event that is committed after an event with a greater position`,
    ],
  }),
  defineCapability({
    name: "Stream or list the bodies of webhooks, in either API",
    commands: [],
    gateway: ["GET /api/events/stream", "GET /api/events"],
    multiInstance: ["GET /api/instances/{instanceId}/events/stream", "GET /api/instances/{instanceId}/events"],
    simulator: "messages",
    tests: [
      `${bodies} > has the bodies of webhooks with format=webhook, in the API of each instance`,
      `${bodies} > has the bodies of the API %s for any instance`,
      `${bodies} > has only messages that the AsyncAPI document describes, heartbeats and ends included`,
    ],
  }),
  defineCapability({
    name: "Open a stream in a browser with a token",
    commands: [],
    gateway: ["POST /api/events/stream/token"],
    multiInstance: [],
    simulator: null,
    tests: [`${tests} > opens once with a token instead of a key, and ends when the key of the token is revoked`],
  }),
  defineCapability({
    name: "Wait for events (long polling)",
    commands: [],
    gateway: ["GET /api/events"],
    multiInstance: ["GET /api/instances/{instanceId}/events"],
    simulator: null,
    tests: [`${tests} > returns the first event as soon as there is one, or none at the end`],
  }),
];
