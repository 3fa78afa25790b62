import type { Answer } from "../../gateway/test-gateway.ts";
import { type Request, testIn } from "../case.ts";
import { bodiesOf, type GatewayCases, type GatewayFixture, holds } from "./case.ts";

const effectTest = testIn("integration/broadcast/status-posts.test.ts");
const kinds = effectTest(
  "a status post can be an image, a video or a voice note, and reaches only the recipients that the caller names",
);
const whole = effectTest("a broadcast list is created, listed, returned, changed and deleted");

/** Carol is in the address book. */
const posted = ({ carol }: GatewayFixture, { body }: Answer) =>
  holds(() => carol.statuses.some(({ id }) => id === body.data.messageId));

const list = ({ made }: GatewayFixture): Request => ({ params: { broadcastId: made.get("broadcast") ?? "" } });

export const statusPostCases: GatewayCases = {
  "POST /api/status/{instanceId}/text": {
    effect: posted,
    keep: ["data.messageId", "status"],
    simulator: "statuses",
    testedBy: effectTest(
      "a status post reaches the address book except blocked contacts, nobody else, and the owner's phone",
    ),
    invalid: bodiesOf({}, { text: "x", backgroundColor: "green" }, { text: "x", statusJidList: ["nobody"] }),
  },
  "POST /api/status/{instanceId}/image": {
    effect: posted,
    simulator: "statuses",
    testedBy: kinds,
    invalid: bodiesOf({ caption: "x" }, { image: "image.jpg" }),
  },
  "POST /api/status/{instanceId}/voice": {
    effect: posted,
    simulator: "statuses",
    testedBy: kinds,
    invalid: bodiesOf({}, { audio: 1 }),
  },
  "POST /api/status/{instanceId}/video": {
    effect: posted,
    simulator: "statuses",
    testedBy: kinds,
    invalid: bodiesOf({}, { video: "file:///etc/passwd" }),
  },
  "POST /api/status/{instanceId}/delete": {
    with: ({ made }) => ({ body: { messageId: made.get("status") ?? "x" } }),
    effect: async ({ carol, made }) => holds(() => !carol.statuses.some(({ id }) => id === made.get("status"))),
    simulator: "statuses",
    testedBy: effectTest(
      "a status post is deleted for all its recipients, by either endpoint, and only by its own account",
    ),
    invalid: bodiesOf({}, { messageId: "" }),
  },
  "GET /api/status/{instanceId}/new-message-id": {
    testedBy: effectTest("a status post has the reserved id, which can be used once"),
    unconnected: 200,
  },
  "GET /api/broadcasts/{instanceId}": { testedBy: whole, invalid: [{ query: "limit=0" }], unconnected: 200 },
  "POST /api/broadcasts/{instanceId}": {
    with: ({ bob, carol }) => ({ body: { name: "Customers", recipients: [bob.number, carol.jid] } }),
    answers: { data: { name: "Customers", size: 2 } },
    keep: ["data.broadcastId", "broadcast"],
    testedBy: whole,
    invalid: bodiesOf({ name: "x" }, { name: "x", recipients: ["nobody"] }),
    unconnected: 201,
  },
  "GET /api/broadcasts/{instanceId}/{broadcastId}": {
    absent: {},
    with: list,
    answers: { data: { size: 2 } },
    testedBy: whole,
    unconnected: 404,
  },
  "PUT /api/broadcasts/{instanceId}/{broadcastId}": {
    with: (fixture) => ({ ...list(fixture), body: { name: "Friends" } }),
    answers: { data: { name: "Friends", size: 2 } },
    testedBy: whole,
    invalid: bodiesOf({}, { recipients: [] }),
    unconnected: 404,
  },
  "DELETE /api/broadcasts/{instanceId}/{broadcastId}": { absent: {}, with: list, testedBy: whole, unconnected: 404 },
  "POST /api/broadcasts/{instanceId}/{broadcastId}/send": {
    with: (fixture) => ({ ...list(fixture), body: { message: "to everybody" } }),
    answers: { data: { accepted: 2 } },
    effect: ({ bob, owner }) => bob.waitFor(({ text, chat }) => text === "to everybody" && chat === owner.jid),
    simulator: "messages",
    testedBy: effectTest("a message to a broadcast list is a bulk that reaches each recipient in a chat of their own"),
    invalid: bodiesOf({}, { message: "x", caption: "y" }),
    unconnected: 404,
  },
};
