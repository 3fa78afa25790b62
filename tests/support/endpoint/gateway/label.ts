import { labelsOf } from "../../../../simulator/phone/owner/labels.ts";
import { type Request, testIn } from "../case.ts";
import { bodiesOf, type GatewayCases, type GatewayFixture, holds } from "./case.ts";

const labels = testIn("integration/contact/labels.test.ts");

const phoneLabels =
  "new labels replace the labels of a chat in the API and on the phone, for every form of the chat id";
const changed = labels(
  "a label that the API creates, changes or deletes is up to date at once in the API, and then on the phone",
);
const labelId = ({ made }: GatewayFixture) => made.get("label") ?? "1";
const label = (fixture: GatewayFixture): Request => ({ params: { labelId: labelId(fixture) } });

export const labelCases: GatewayCases = {
  "GET /api/labels/{instanceId}": {
    simulator: "labels",
    testedBy: labels("the predefined labels and their chats are listed after the first synchronization"),
    unconnected: 409,
  },
  "POST /api/labels/{instanceId}": {
    effect: async ({ owner }) => holds(() => labelsOf(owner).some(({ name }) => name === "Important")),
    keep: ["data.id", "label"],
    simulator: "labels",
    testedBy: changed,
    invalid: bodiesOf({}, { name: "x", color: 20 }),
  },
  "PUT /api/labels/{instanceId}/{labelId}": {
    with: label,
    effect: async ({ owner }) => holds(() => labelsOf(owner).some(({ name }) => name === "Very Important")),
    simulator: "labels",
    testedBy: changed,
    invalid: bodiesOf({}, { color: -1 }),
  },
  "DELETE /api/labels/{instanceId}/{labelId}": {
    absent: {},
    with: label,
    effect: async ({ owner }) => holds(() => !labelsOf(owner).some(({ name }) => name === "Very Important")),
    simulator: "labels",
    testedBy: changed,
  },
  "GET /api/labels/{instanceId}/chats/{chatId}": {
    simulator: "labels",
    testedBy: labels(phoneLabels),
    invalid: [{ params: { chatId: "nobody" } }],
    unconnected: 409,
  },
  "PUT /api/labels/{instanceId}/chats/{chatId}": {
    with: (fixture) => ({ body: { labelIds: [labelId(fixture)] } }),
    answers: { data: { labels: [{ name: "Very Important" }] } },
    simulator: "labels",
    testedBy: labels(phoneLabels),
    invalid: bodiesOf({}, { labelIds: "1" }),
  },
  "GET /api/labels/{instanceId}/{labelId}/chats": {
    absent: {},
    with: label,
    answers: { data: [{ id: "6281234567890@s.whatsapp.net" }] },
    simulator: "labels",
    testedBy: labels(phoneLabels),
    unconnected: 409,
  },
};
