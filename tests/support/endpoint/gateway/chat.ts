import { chatOf, messagesOf, timerOf } from "../../../../simulator/phone/owner/chats.ts";
import { testIn } from "../case.ts";
import { bodiesOf, type GatewayCases, holds } from "./case.ts";

const chats = testIn("integration/contact/chats.test.ts");
const changed = chats("%s %o is visible at once, then on the phone and on other devices");

export const chatCases: GatewayCases = {
  "GET /api/chats/{instanceId}/{chatId}": {
    answers: { data: { id: "6281234567890@s.whatsapp.net", isGroup: false } },
    testedBy: changed,
    invalid: [{ params: { chatId: "nobody" } }],
    absent: { params: { chatId: "4915550999997" } },
    unconnected: 404,
  },
  "POST /api/chats/{instanceId}/{chatId}/clear": {
    with: ({ carol }) => ({ params: { chatId: carol.jid } }),
    effect: async ({ owner, carol }) => holds(() => messagesOf(owner, carol.jid).length === 0),
    simulator: "chats",
    testedBy: chats("the API %s a chat: its messages are gone at once, on the phone, and for good"),
    invalid: [{ params: { chatId: "nobody" } }],
  },
  "DELETE /api/chats/{instanceId}/{chatId}": {
    with: ({ carol }) => ({ params: { chatId: carol.jid } }),
    effect: async ({ owner, carol }) => holds(() => owner.appState.get("deleteChat", carol.jid, "1")),
    simulator: "chats",
    testedBy: chats("the API %s a chat: its messages are gone at once, on the phone, and for good"),
    invalid: [{ params: { chatId: "nobody" } }],
  },
  "PUT /api/chats/{instanceId}/{chatId}/timer": {
    with: () => ({ body: { seconds: 86_400 } }),
    answers: { data: { ephemeral: 86_400 } },
    effect: async ({ owner, bob }) => holds(() => timerOf(bob, owner.jid) === 86_400),
    simulator: "chats",
    testedBy: chats("the API sets the timer of a chat with one person, and of a group"),
    invalid: bodiesOf({}, { seconds: 60 }),
  },
  "PUT /api/chats/{instanceId}/{chatId}/archive": {
    with: () => ({ body: { archived: true } }),
    answers: { data: { archived: true } },
    effect: async ({ owner, bob }) => holds(() => chatOf(owner, bob.jid).archived),
    simulator: "chats",
    testedBy: changed,
    invalid: [{ body: {} }, { body: { archived: true }, params: { chatId: "nobody" } }],
  },
  "PUT /api/chats/{instanceId}/{chatId}/pin": {
    with: () => ({ body: { pinned: true } }),
    answers: { data: { pinned: true } },
    effect: async ({ owner, bob }) => holds(() => chatOf(owner, bob.jid).pinned),
    simulator: "chats",
    testedBy: changed,
    invalid: bodiesOf({}, { pinned: "yes" }),
  },
  "PUT /api/chats/{instanceId}/{chatId}/mute": {
    with: () => ({ body: { muted: true, until: "2099-01-01T00:00:00Z" } }),
    answers: { data: { muted: true, mutedUntil: "2099-01-01T00:00:00.000Z" } },
    effect: async ({ owner, bob }) =>
      holds(() => chatOf(owner, bob.jid).mutedUntil === Date.parse("2099-01-01T00:00:00Z")),
    simulator: "chats",
    testedBy: chats("a chat is muted without an end, until a time, and unmuted"),
    invalid: bodiesOf(
      {},
      { muted: false, until: "2099-01-01T00:00:00Z" },
      { muted: true, until: "2020-01-01T00:00:00Z" },
      { muted: true, until: "tomorrow" },
    ),
  },
  "PUT /api/chats/{instanceId}/{chatId}/read": {
    with: () => ({ body: { read: false } }),
    answers: { data: { read: false, messages: 0 } },
    effect: async ({ owner, bob }) => holds(() => chatOf(owner, bob.jid).markedUnread),
    simulator: "chats",
    testedBy: changed,
    invalid: bodiesOf({}, { read: false, receipts: true }),
  },
};
