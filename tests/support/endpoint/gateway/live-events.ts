import { testIn } from "../case.ts";
import type { GatewayCases } from "./case.ts";

const stream = testIn("api/message/events.test.ts");

export const liveEventCases: GatewayCases = {
  "GET /api/events": {
    with: () => ({ query: "since=0&types=connection.open&wait=1" }),
    invalid: [
      { query: "since=x" },
      { query: "types=message.teleported" },
      { query: "wait=26" },
      { query: "instances=1" },
    ],
    testedBy: stream("returns the first event as soon as there is one, or none at the end"),
  },
  "POST /api/events/stream/token": {
    answers: { success: true },
    testedBy: stream("opens once with a token instead of a key, and ends when the key of the token is revoked"),
  },
  "GET /api/events/stream": {
    with: () => ({ query: "since=0" }),
    invalid: [{ query: "since=x" }, { query: "types=message.teleported" }, { headers: { "last-event-id": "x" } }],
    testedBy: stream("of all instances continues after any of its ids without loss or double"),
  },
};
