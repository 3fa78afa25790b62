import { type Request, testIn } from "../suite.ts";
import { arrives, type GatewayCases, holds, type World } from "./case.ts";

const here = testIn("integration/message/gateway-send.test.ts");
const chat = testIn("integration/message/gateway-chat.test.ts");
const text = testIn("integration/message/text.test.ts");
const media = testIn("integration/media/transfer.test.ts");
const to = "6281234567890@s.whatsapp.net";
const bodies = (...some: object[]): Request[] => some.map((body) => ({ body }));

const ours = ({ sent, bob }: World) => ({ body: { messageId: sent, chatId: bob.jid } });

export const messageCases: GatewayCases = {
  "POST /api/message/send/text": {
    effect: arrives,
    simulator: "messages",
    testedBy: text("a text goes out as it was given: %s"),
    invalid: bodies({ to }, { to: "12", message: "x" }, { to, message: "" }),
  },
  "POST /api/message/send/image": {
    effect: arrives,
    simulator: "media",
    testedBy: media("%s arrives at the phone and rests in storage with the same bytes"),
    invalid: bodies({ to }, { to, image: "image.jpg" }, { to, image: "data:image/png;base64," }),
  },
  "POST /api/message/send/file": {
    effect: arrives,
    simulator: "media",
    testedBy: here("as a document, with its name and caption"),
    invalid: bodies({ to }, { to, file: "file:///etc/passwd" }),
  },
  "POST /api/message/send/voice": {
    effect: arrives,
    simulator: "media",
    testedBy: here("as a film, a picture or a voice note"),
    invalid: bodies({ to }, { to, audio: 1 }),
  },
  "POST /api/message/send/video": {
    effect: arrives,
    simulator: "media",
    testedBy: here("as a film, a picture or a voice note"),
    invalid: bodies({ to }, { to: "nobody", video: "https://example.com/video.mp4" }),
  },
  "POST /api/message/send/link-preview": {
    effect: arrives,
    simulator: "messages",
    testedBy: here("with the preview that was given, and its page is not asked"),
    invalid: bodies({ to }, { to, url: "ftp://example.com" }),
  },
  "POST /api/message/send/list": {
    refused: 501,
    answers: { code: "not_supported" },
    unconnected: 501,
    testedBy: here("%s is refused with the reason"),
    invalid: bodies({ to }, { to, title: "x", buttonText: "x", sections: [] }),
  },
  "POST /api/message/send/buttons": {
    refused: 501,
    answers: { code: "not_supported" },
    unconnected: 501,
    testedBy: here("%s is refused with the reason"),
    invalid: bodies({ to }, { to, text: "x", buttons: [] }),
  },
  "POST /api/message/send/poll": {
    effect: arrives,
    simulator: "messages",
    keep: ["data.messageId", "poll"],
    testedBy: here("as a poll, with the secret under which votes are cast"),
    invalid: bodies({ to }, { to, question: "?", options: ["a"] }),
  },
  "POST /api/message/send/location": {
    effect: arrives,
    simulator: "messages",
    testedBy: here("as a place on the map"),
    invalid: bodies({ to }, { to, latitude: 91, longitude: 0 }),
  },
  "POST /api/message/send/contact": {
    effect: arrives,
    simulator: "messages",
    testedBy: here("as the card of a contact, or of several"),
    invalid: bodies({ to }, { to, contacts: [] }),
  },
  "POST /api/message/forward": {
    with: ({ received }) => ({ body: { messageId: received } }),
    effect: arrives,
    simulator: "messages",
    testedBy: here("says what was received or sent, and that it is forwarded, how often"),
    invalid: bodies({ to }, { to, messageId: "a b" }),
  },
  "POST /api/message/seen": {
    with: ({ received }) => ({ body: { messageId: received } }),
    answers: { data: { messages: 1 } },
    effect: ({ bob, received }) => bob.waitForStatus(received, "read"),
    simulator: "receipts",
    testedBy: chat("seen sends the blue ticks for one message, or for all that are unread"),
    invalid: bodies({}, { chatId: "nobody" }),
  },
  "POST /api/message/typing/start": {
    effect: ({ bob }) => holds(() => bob.typing.at(-1)?.state === "composing"),
    simulator: "presence",
    testedBy: chat("typing is shown and taken back"),
    invalid: bodies({}, { chatId: "nobody" }),
  },
  "POST /api/message/typing/stop": {
    effect: ({ bob }) => holds(() => bob.typing.at(-1)?.state === "paused"),
    simulator: "presence",
    testedBy: chat("typing is shown and taken back"),
    invalid: bodies({}, { chatId: "nobody" }),
  },
  "PUT /api/message/reaction": {
    with: ours,
    effect: ({ bob, sent }) =>
      holds(() => bob.inbox.messages.find(({ id }) => id === sent)?.reactions.some(({ emoji }) => emoji === "👍")),
    simulator: "fate",
    testedBy: chat("gets a reaction, and loses it again"),
    invalid: bodies({ chatId: to, messageId: "x", emoji: "two words" }, {}),
  },
  "PUT /api/message/star": {
    with: ours,
    effect: async ({ owner, bob, sent }) =>
      holds(() => owner.appState.get("star", bob.jid, sent, "1", "0")?.starAction?.starred),
    simulator: "app state",
    testedBy: chat("is starred at the owner's phone, and no longer; in a group with its author"),
    invalid: bodies({ chatId: to, messageId: "x", star: "yes" }, {}),
  },
  "GET /api/message/chats/{instanceId}": {
    answers: { pagination: { skip: 0 } },
    testedBy: chat("the chats stand in the order of their newest message, with names and counts, page by page"),
    invalid: [{ query: "limit=0" }],
    unconnected: 200,
  },
  "GET /api/message/chat/{instanceId}/{chatId}": {
    with: () => ({ query: "limit=1" }),
    answers: { pagination: { limit: 1, hasMore: true } },
    testedBy: testIn("api/message/history.test.ts")("is listed as documented, the newest first"),
    invalid: [{ params: { chatId: "nobody" } }, { params: { chatId: to }, query: "limit=0" }],
    unconnected: 200,
  },
  "DELETE /api/message/{instanceId}/{messageId}": {
    with: ({ sent }) => ({ params: { messageId: sent } }),
    effect: ({ bob, sent }) => holds(() => bob.inbox.messages.find(({ id }) => id === sent)?.deleted),
    simulator: "fate",
    testedBy: chat("is deleted for everyone"),
    invalid: [{ params: { messageId: "3EB0" }, query: "chatId=nobody" }],
  },
};
