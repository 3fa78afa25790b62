import { type Request, shownIn } from "./endpoint-frame.ts";
import { arrives, type GatewayCases, holds, type World } from "./gateway-case.ts";

const here = shownIn("integration/gateway-message.test.ts");
const chat = shownIn("integration/gateway-chat.test.ts");
const text = shownIn("integration/text.test.ts");
const media = shownIn("integration/media.test.ts");
const to = "6281234567890@s.whatsapp.net";
const bodies = (...some: object[]): Request[] => some.map((body) => ({ body }));

const ours = ({ sent, bob }: World) => ({ body: { messageId: sent, chatId: bob.jid } });

export const messageCases: GatewayCases = {
  "POST /api/message/send/text": {
    seen: arrives,
    simulator: "messages",
    shown: text("a text goes out as it was given: %s"),
    invalid: bodies({ to }, { to: "12", message: "x" }, { to, message: "" }),
  },
  "POST /api/message/send/image": {
    seen: arrives,
    simulator: "media",
    shown: media("%s arrives at the phone and rests in storage with the same bytes"),
    invalid: bodies({ to }, { to, image: "image.jpg" }, { to, image: "data:image/png;base64," }),
  },
  "POST /api/message/send/file": {
    seen: arrives,
    simulator: "media",
    shown: here("as a document, with its name and caption"),
    invalid: bodies({ to }, { to, file: "file:///etc/passwd" }),
  },
  "POST /api/message/send/voice": {
    seen: arrives,
    simulator: "media",
    shown: here("as a film, a picture or a voice note"),
    invalid: bodies({ to }, { to, audio: 1 }),
  },
  "POST /api/message/send/video": {
    seen: arrives,
    simulator: "media",
    shown: here("as a film, a picture or a voice note"),
    invalid: bodies({ to }, { to: "nobody", video: "https://example.com/video.mp4" }),
  },
  "POST /api/message/send/link-preview": {
    seen: arrives,
    simulator: "messages",
    shown: here("with the preview that was given, and its page is not asked"),
    invalid: bodies({ to }, { to, url: "ftp://example.com" }),
  },
  "POST /api/message/send/list": {
    refused: 501,
    answers: { code: "not_supported" },
    unconnected: 501,
    shown: here("%s is refused with the reason"),
    invalid: bodies({ to }, { to, title: "x", buttonText: "x", sections: [] }),
  },
  "POST /api/message/send/buttons": {
    refused: 501,
    answers: { code: "not_supported" },
    unconnected: 501,
    shown: here("%s is refused with the reason"),
    invalid: bodies({ to }, { to, text: "x", buttons: [] }),
  },
  "POST /api/message/send/poll": {
    seen: arrives,
    simulator: "messages",
    keep: ["data.messageId", "poll"],
    shown: here("as a poll, with the secret under which votes are cast"),
    invalid: bodies({ to }, { to, question: "?", options: ["a"] }),
  },
  "POST /api/message/send/location": {
    seen: arrives,
    simulator: "messages",
    shown: here("as a place on the map"),
    invalid: bodies({ to }, { to, latitude: 91, longitude: 0 }),
  },
  "POST /api/message/send/contact": {
    seen: arrives,
    simulator: "messages",
    shown: here("as the card of a contact, or of several"),
    invalid: bodies({ to }, { to, contacts: [] }),
  },
  "POST /api/message/forward": {
    with: ({ received }) => ({ body: { messageId: received } }),
    seen: arrives,
    simulator: "messages",
    shown: here("says what was received or sent, and that it is forwarded, how often"),
    invalid: bodies({ to }, { to, messageId: "a b" }),
  },
  "POST /api/message/seen": {
    with: ({ received }) => ({ body: { messageId: received } }),
    answers: { data: { messages: 1 } },
    seen: ({ bob, received }) => bob.waitForStatus(received, "read"),
    simulator: "receipts",
    shown: chat("seen sends the blue ticks for one message, or for all that are unread"),
    invalid: bodies({}, { chatId: "nobody" }),
  },
  "POST /api/message/typing/start": {
    seen: ({ bob }) => holds(() => bob.typing.at(-1)?.state === "composing"),
    simulator: "presence",
    shown: chat("typing is shown and taken back"),
    invalid: bodies({}, { chatId: "nobody" }),
  },
  "POST /api/message/typing/stop": {
    seen: ({ bob }) => holds(() => bob.typing.at(-1)?.state === "paused"),
    simulator: "presence",
    shown: chat("typing is shown and taken back"),
    invalid: bodies({}, { chatId: "nobody" }),
  },
  "PUT /api/message/reaction": {
    with: ours,
    seen: ({ bob, sent }) =>
      holds(() => bob.inbox.messages.find(({ id }) => id === sent)?.reactions.some(({ emoji }) => emoji === "👍")),
    simulator: "fate",
    shown: chat("gets a reaction, and loses it again"),
    invalid: bodies({ chatId: to, messageId: "x", emoji: "two words" }, {}),
  },
  "PUT /api/message/star": {
    with: ours,
    seen: async ({ owner, bob, sent }) =>
      holds(() => owner.appState.get("star", bob.jid, sent, "1", "0")?.starAction?.starred),
    simulator: "app state",
    shown: chat("is starred at the owner's phone, and no longer; in a group with its author"),
    invalid: bodies({ chatId: to, messageId: "x", star: "yes" }, {}),
  },
  "GET /api/message/chats/{instanceId}": {
    answers: { pagination: { skip: 0 } },
    shown: chat("the chats stand in the order of their newest message, with names and counts, page by page"),
    invalid: [{ query: "limit=0" }],
    unconnected: 200,
  },
  "GET /api/message/chat/{instanceId}/{chatId}": {
    with: () => ({ query: "limit=1" }),
    answers: { pagination: { limit: 1, hasMore: true } },
    shown: shownIn("api/message/history.test.ts")("is shown as documented, the newest first"),
    invalid: [{ params: { chatId: "nobody" } }, { params: { chatId: to }, query: "limit=0" }],
    unconnected: 200,
  },
  "DELETE /api/message/{instanceId}/{messageId}": {
    with: ({ sent }) => ({ params: { messageId: sent } }),
    seen: ({ bob, sent }) => holds(() => bob.inbox.messages.find(({ id }) => id === sent)?.deleted),
    simulator: "fate",
    shown: chat("is deleted for everyone"),
    invalid: [{ params: { messageId: "3EB0" }, query: "chatId=nobody" }],
  },
};
