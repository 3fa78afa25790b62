import { defineCapability } from "./define.ts";

const tests = "tests/integration/contact/chats.test.ts";
const changed = `${tests} > %s %o is visible at once, then on the phone and on other devices` as const;
const fromPhone =
  `${tests} > a chat that the owner %s on the phone is so in the list and in the events of both dialects` as const;

export const chat = [
  defineCapability({
    name: "Archive a chat",
    commands: ["chat.setArchived"],
    gateway: ["PUT /api/chats/{instanceId}/{chatId}/archive"],
    multiInstance: [],
    simulator: "chats",
    tests: [changed, fromPhone, `${tests} > archiving a pinned chat unpins it, from the API and from the phone`],
  }),
  defineCapability({
    name: "Pin a chat",
    commands: ["chat.setPinned"],
    gateway: ["PUT /api/chats/{instanceId}/{chatId}/pin"],
    multiInstance: [],
    simulator: "chats",
    tests: [changed, fromPhone],
  }),
  defineCapability({
    name: "Mute a chat until a time or without an end",
    commands: ["chat.setMuted"],
    gateway: ["PUT /api/chats/{instanceId}/{chatId}/mute"],
    multiInstance: [],
    simulator: "chats",
    tests: [`${tests} > a chat is muted without an end, until a time, and unmuted`, fromPhone],
  }),
  defineCapability({
    name: "Mark a chat as read or unread, with or without receipts",
    commands: ["chat.setRead"],
    gateway: ["PUT /api/chats/{instanceId}/{chatId}/read"],
    multiInstance: [],
    simulator: "chats",
    tests: [changed, fromPhone, `${tests} > a chat is read without receipts to the senders`],
  }),
  defineCapability({
    name: "Set the timer for disappearing messages",
    commands: ["chat.setTimer"],
    gateway: ["PUT /api/chats/{instanceId}/{chatId}/timer", "GET /api/chats/{instanceId}/{chatId}"],
    multiInstance: [],
    simulator: "chats",
    tests: [`${tests} > the API sets the timer of a chat with one person, and of a group`],
  }),
  defineCapability({
    name: "Clear a chat, or delete it",
    commands: ["chat.clear", "chat.delete"],
    gateway: ["POST /api/chats/{instanceId}/{chatId}/clear", "DELETE /api/chats/{instanceId}/{chatId}"],
    multiInstance: [],
    simulator: "chats",
    tests: [
      `${tests} > the API %s a chat: its messages are gone at once, on the phone, and for good`,
      `${tests} > a chat that the owner %s on the phone leaves the list and the history of both dialects`,
    ],
  }),
  defineCapability({
    name: "List chats with their state and the number of unread messages",
    commands: [],
    gateway: ["GET /api/message/chats/{instanceId}"],
    multiInstance: ["GET /api/instances/{instanceId}/chats"],
    simulator: null,
    tests: [
      "tests/api/message/chats.test.ts > ?%s selects and orders the chats, and counts them",
      `${tests} > counts messages, and neither reactions nor own messages nor deleted messages`,
      `${tests} > messages that the owner reads on the phone no longer count`,
    ],
  }),
];
