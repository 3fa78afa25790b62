import type { Phone } from "../../../../simulator/index.ts";
import { webp } from "../../media/webp.ts";
import { testIn } from "../case.ts";
import { arrives, bodiesOf, type GatewayCases, type GatewayFixture, holds } from "./case.ts";

const effectTest = testIn("integration/message/gateway-send.test.ts");
const chat = testIn("integration/message/gateway-chat.test.ts");
const text = testIn("integration/message/text.test.ts");
const events = testIn("integration/message/polls-and-calendar-events.test.ts");
const exported = testIn("api/message/export.test.ts");
const search = testIn("api/message/search.test.ts");
const media = testIn("integration/media/transfer.test.ts");
const to = "6281234567890@s.whatsapp.net";

const ours = ({ sent, bob }: GatewayFixture) => ({ body: { messageId: sent, chatId: bob.jid } });

/** Returns what the owner has chosen in a poll or calendar event at Bob's phone. */
const choiceOf = (bob: Phone, id: string | undefined, owner: Phone) =>
  bob.inbox.messages.find((message) => message.id === id)?.responses.find(({ from }) => from === owner.jid)?.choices[0];

export const messageCases: GatewayCases = {
  "POST /api/message/send/text": {
    effect: arrives,
    simulator: "messages",
    testedBy: text("a sent text arrives unchanged at the phone, in the history and in the webhook: %s"),
    invalid: bodiesOf({ to }, { to: "12", message: "x" }, { to, message: "" }),
  },
  "POST /api/message/send/image": {
    effect: arrives,
    simulator: "media",
    testedBy: media("%s arrives at the phone and in storage with the same bytes"),
    invalid: bodiesOf({ to }, { to, image: "image.jpg" }, { to, image: "data:image/png;base64," }),
  },
  "POST /api/message/send/sticker": {
    with: ({ bob }) => ({
      body: { to: bob.number, sticker: `data:image/webp;base64,${webp(512).toString("base64")}` },
    }),
    effect: arrives,
    simulator: "media",
    testedBy: testIn("integration/media/conversion.test.ts")("a sticker with metadata has the same picture: %s"),
    invalid: bodiesOf({ to }, { to, sticker: "sticker.webp" }, { to, sticker: "0".repeat(64), emojis: ["x"] }),
  },
  "POST /api/message/send/file": {
    effect: arrives,
    simulator: "media",
    testedBy: effectTest("a file arrives as a document with its name and caption"),
    invalid: bodiesOf({ to }, { to, file: "file:///etc/passwd" }),
  },
  "POST /api/message/send/voice": {
    effect: arrives,
    simulator: "media",
    testedBy: effectTest("a file arrives as a video, an image or a voice note"),
    invalid: bodiesOf({ to }, { to, audio: 1 }),
  },
  "POST /api/message/send/video": {
    effect: arrives,
    simulator: "media",
    testedBy: effectTest("a file arrives as a video, an image or a voice note"),
    invalid: bodiesOf({ to }, { to: "nobody", video: "https://example.com/video.mp4" }),
  },
  "POST /api/message/send/link-preview": {
    effect: arrives,
    simulator: "messages",
    testedBy: effectTest("a link arrives with the given preview, and its page is not requested"),
    invalid: bodiesOf({ to }, { to, url: "ftp://example.com" }),
  },
  "POST /api/message/send/live-location": {
    with: ({ bob }) => ({ body: { to: bob.number, latitude: 52.5, longitude: 13.4 } }),
    refused: 501,
    simulator: "messages",
    answers: { code: "not_supported" },
    testedBy: effectTest("%s is rejected with the reason"),
    invalid: bodiesOf({ to }, { to, latitude: 91, longitude: 0 }),
  },
  "POST /api/message/send/list": {
    with: () => ({ body: { experimental: true } }),
    effect: arrives,
    simulator: "messages",
    testedBy: effectTest("%s arrives as an interactive message if the caller opts in"),
    invalid: bodiesOf({ to }, { to, title: "x", buttonText: "x", sections: [] }),
  },
  "POST /api/message/send/buttons": {
    with: () => ({ body: { experimental: true } }),
    effect: arrives,
    simulator: "messages",
    testedBy: effectTest("%s arrives as an interactive message if the caller opts in"),
    invalid: bodiesOf({ to }, { to, text: "x", buttons: [] }),
  },
  "POST /api/message/send/poll": {
    effect: arrives,
    simulator: "messages",
    keep: ["data.messageId", "poll"],
    testedBy: effectTest("a poll arrives with its options and the secret for votes"),
    invalid: bodiesOf({ to }, { to, question: "?", options: ["a"] }),
  },
  "POST /api/message/send/location": {
    effect: arrives,
    simulator: "messages",
    testedBy: effectTest("a location arrives with its coordinates, name and address"),
    invalid: bodiesOf({ to }, { to, latitude: 91, longitude: 0 }),
  },
  "POST /api/message/send/contact": {
    effect: arrives,
    simulator: "messages",
    testedBy: effectTest("a message with one or several contact cards arrives"),
    invalid: bodiesOf({ to }, { to, contacts: [] }),
  },
  "POST /api/message/forward": {
    with: ({ received }) => ({ body: { messageId: received } }),
    effect: arrives,
    simulator: "messages",
    testedBy: effectTest("a forwarded message has the original text and counts how often it was forwarded"),
    invalid: bodiesOf({ to }, { to, messageId: "a b" }),
  },
  "POST /api/message/seen": {
    with: ({ received }) => ({ body: { messageId: received } }),
    answers: { data: { messages: 1 } },
    effect: ({ bob, received }) => bob.waitForStatus(received, "read"),
    simulator: "receipts",
    testedBy: chat("a read request marks one message, or all unread messages of the chat, as read"),
    invalid: bodiesOf({}, { chatId: "nobody" }),
  },
  "POST /api/message/typing/start": {
    effect: ({ bob }) => holds(() => bob.typing.at(-1)?.state === "composing"),
    simulator: "presence",
    testedBy: chat("the recipient sees typing start and stop"),
    invalid: bodiesOf({}, { chatId: "nobody" }),
  },
  "POST /api/message/typing/stop": {
    effect: ({ bob }) => holds(() => bob.typing.at(-1)?.state === "paused"),
    simulator: "presence",
    testedBy: chat("the recipient sees typing start and stop"),
    invalid: bodiesOf({}, { chatId: "nobody" }),
  },
  "PUT /api/message/reaction": {
    with: ours,
    effect: ({ bob, sent }) =>
      holds(() => bob.inbox.messages.find(({ id }) => id === sent)?.reactions.some(({ emoji }) => emoji === "👍")),
    simulator: "fate",
    testedBy: chat("a message gets a reaction, and an empty reaction removes it"),
    invalid: bodiesOf({ chatId: to, messageId: "x", emoji: "two words" }, {}),
  },
  "PUT /api/message/star": {
    with: ours,
    effect: async ({ owner, bob, sent }) =>
      holds(() => owner.appState.get("star", bob.jid, sent, "1", "0")?.starAction?.starred),
    simulator: "app state",
    testedBy: chat("a message is starred and unstarred on the owner's phone, in a group with its author"),
    invalid: bodiesOf({ chatId: to, messageId: "x", star: "yes" }, {}),
  },
  "GET /api/message/chats/{instanceId}": {
    answers: { pagination: { skip: 0 } },
    testedBy: chat("the list of chats is ordered by the newest message and has names, counts and pages"),
    invalid: [{ query: "limit=0" }],
    unconnected: 200,
  },
  "GET /api/message/chat/{instanceId}/{chatId}": {
    with: () => ({ query: "limit=1" }),
    answers: { pagination: { limit: 1, hasMore: true } },
    testedBy: testIn("api/message/history.test.ts")("is listed as documented, the newest first"),
    invalid: [
      { params: { chatId: "nobody" } },
      { params: { chatId: to }, query: "limit=0" },
      { params: { chatId: to }, query: "fromMe=no" },
    ],
    unconnected: 200,
  },
  "GET /api/message/search": {
    with: () => ({ query: "q=hello&limit=1" }),
    testedBy: search("finds the messages of all instances of the user, and of no other user"),
    invalid: [{ query: "q=" }, { query: "q=x&match=regex" }],
  },
  "GET /api/message/search/{instanceId}": {
    with: () => ({ query: "q=hello&markStart=*&markEnd=*" }),
    answers: { indexing: false },
    testedBy: search("finds the messages with %s (%s)"),
    invalid: [{ query: "q=" }, { query: "q=x&cursor=x" }],
    unconnected: 200,
  },
  "POST /api/message/exports/{instanceId}": {
    with: () => ({ body: { chatId: to } }),
    answers: { data: { status: "queued" } },
    keep: ["data.id", "export"],
    testedBy: exported("writes JSON lines, oldest first, and has a link to the file"),
    invalid: bodiesOf({}, { chatId: "nobody" }),
    unconnected: 201,
  },
  "GET /api/message/exports/{instanceId}": {
    testedBy: exported("is listed, and is invisible to others and under another instance"),
    invalid: [{ query: "limit=0" }],
    unconnected: 200,
  },
  "GET /api/message/exports/{instanceId}/{exportId}": {
    with: ({ made }) => ({ params: { exportId: made.get("export") ?? "" } }),
    testedBy: exported("writes JSON lines, oldest first, and has a link to the file"),
    absent: { params: { exportId: "x" } },
    unconnected: 404,
  },
  "DELETE /api/message/exports/{instanceId}/{exportId}": {
    with: ({ made }) => ({ params: { exportId: made.get("export") ?? "" } }),
    testedBy: exported("can be canceled while it runs, and leaves no parts"),
    absent: { params: { exportId: "x" } },
    unconnected: 404,
  },
  "DELETE /api/message/{instanceId}/{messageId}": {
    with: ({ sent }) => ({ params: { messageId: sent } }),
    effect: ({ bob, sent }) => holds(() => bob.inbox.messages.find(({ id }) => id === sent)?.deleted),
    simulator: "fate",
    testedBy: chat("a message is deleted for everyone"),
    invalid: [{ params: { messageId: "3EB0" }, query: "chatId=nobody" }],
  },
  "POST /api/events/{instanceId}": {
    effect: arrives,
    simulator: "polls and events",
    testedBy: events("a calendar event arrives with all fields of the document's example"),
    invalid: bodiesOf({}, { to: "6281234567890", event: "funeral", name: "x", startTime: "2025-12-25T18:00:00Z" }),
  },
  "GET /api/message/{instanceId}/{messageId}/receipts": {
    with: ({ sent }) => ({ params: { messageId: sent } }),
    answers: { data: { recipientCount: 1, receipts: [{ readAt: null }] } },
    simulator: "receipts",
    testedBy: testIn("integration/message/receipts.test.ts")(
      "each member of a group is reported once, by number and LID, and the slowest decides the status",
    ),
    invalid: [{ query: "chatId=nobody" }, { query: "limit=0" }],
    whileUnconnected: () => ({ params: { messageId: "3EB0" } }),
    unconnected: 404,
  },
  "GET /api/message/{instanceId}/{messageId}/responses": {
    with: ({ made }) => ({ params: { messageId: made.get("poll") ?? "" } }),
    answers: { data: { type: "poll", options: [{ name: "Red", voters: [] }, {}, {}] } },
    simulator: "polls and events",
    testedBy: events("only the last vote of each person counts, and each vote causes a webhook"),
    invalid: [{ query: "chatId=nobody" }],
    whileUnconnected: () => ({ params: { messageId: "3EB0" } }),
    unconnected: 404,
  },
  "PUT /api/message/{instanceId}/{messageId}/vote": {
    with: ({ made }) => ({ params: { messageId: made.get("poll") ?? "x" }, body: { options: ["Blue"] } }),
    effect: ({ bob, owner, made }) => holds(() => choiceOf(bob, made.get("poll"), owner) === "Blue"),
    simulator: "polls and events",
    testedBy: events("the account votes in a received poll, changes its vote and withdraws it: %s"),
    invalid: bodiesOf({}, { options: "Red" }, { options: ["Red", "Red"] }),
  },
  "PUT /api/message/{instanceId}/{messageId}/answer": {
    with: async ({ gate, connected, bob, made }) => {
      const event = { to: bob.jid, event: "meeting", name: "Standup", startTime: "2030-01-01T09:00:00Z" };
      const { body } = await gate.api("POST", `/api/events/${connected}`, { body: event });
      made.set("event", body.data.messageId);
      return { params: { messageId: body.data.messageId }, body: { answer: "maybe" } };
    },
    effect: ({ bob, owner, made }) => holds(() => choiceOf(bob, made.get("event"), owner) === "maybe"),
    simulator: "polls and events",
    testedBy: events("the account answers a received calendar event, and changes its answer: %s"),
    invalid: bodiesOf({}, { answer: "perhaps" }, { answer: "going", guests: -1 }),
  },
  "PUT /api/message/{instanceId}/{messageId}": {
    with: ({ sent }) => ({ params: { messageId: sent }, body: { message: "Hello, edited!" } }),
    effect: ({ bob, sent }) => holds(() => bob.inbox.messages.find(({ id }) => id === sent)?.text === "Hello, edited!"),
    simulator: "fate",
    testedBy: chat("an edit changes the text on the recipient's phone and in the history"),
    invalid: bodiesOf({}, { message: "" }),
  },
};
