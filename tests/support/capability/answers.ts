import { type Capability, defineCapability } from "./define.ts";

const file = "tests/integration/message/polls-and-calendar-events.test.ts";
const queue = "tests/integration/message/gateway-chat.test.ts";

/** Answers to messages of others, and what a send can have besides its content. */
export const answers: readonly Capability[] = [
  defineCapability({
    name: "Vote in a poll",
    commands: ["message.vote"],
    gateway: ["PUT /api/message/{instanceId}/{messageId}/vote"],
    multiInstance: [],
    simulator: "polls and events",
    tests: [`${file} > the account votes in a received poll, changes its vote and withdraws it: %s`],
  }),
  defineCapability({
    name: "Answer a calendar event",
    commands: ["message.answerEvent"],
    gateway: ["PUT /api/message/{instanceId}/{messageId}/answer"],
    multiInstance: [],
    simulator: "polls and events",
    tests: [`${file} > the account answers a received calendar event, and changes its answer: %s`],
  }),
  defineCapability({
    name: "Mention all members of a group",
    commands: ["message.sendText", "message.sendMedia", "message.sendPoll"],
    gateway: ["POST /api/message/send/text", "POST /api/message/send/image", "POST /api/message/send/poll"],
    multiInstance: ["POST /api/whatsapp/{instanceId}/send", "POST /api/whatsapp/{instanceId}/send-media"],
    simulator: "messages",
    tests: [`${file} > all members of a group are mentioned, %s`],
  }),
  defineCapability({
    name: "Reply to a status post",
    commands: ["message.sendText"],
    gateway: ["POST /api/message/send/text"],
    multiInstance: ["POST /api/whatsapp/{instanceId}/send"],
    simulator: "messages",
    tests: [`${file} > the reply quotes the post in the chat with its author, and in no other chat`],
  }),
  defineCapability({
    name: "Delay a message, and show typing before it",
    commands: ["message.sendText", "message.sendMedia"],
    gateway: ["POST /api/message/send/text", "POST /api/message/send/voice"],
    multiInstance: ["POST /api/whatsapp/{instanceId}/send", "POST /api/whatsapp/{instanceId}/send-media"],
    simulator: "presence",
    tests: ["tests/integration/message/gateway-chat.test.ts > the recipient sees typing before %s of %s"],
  }),
  defineCapability({
    name: "List and clear the waiting messages of an instance",
    commands: ["instance.clearQueue"],
    gateway: ["GET /api/instance/{instanceId}/queue", "DELETE /api/instance/{instanceId}/queue"],
    multiInstance: [],
    simulator: null,
    tests: [`${queue} > the queue shows why each message waits and until when, and a part of it can be cleared`],
  }),
  defineCapability({
    name: "Pause and resume the sends of an instance",
    commands: ["instance.pauseSends", "instance.resumeSends"],
    gateway: ["POST /api/instance/{instanceId}/queue/pause", "POST /api/instance/{instanceId}/queue/resume"],
    multiInstance: [],
    simulator: "messages",
    tests: [
      `${queue} > paused sends wait across a restart while the instance receives, and go out in order when resumed`,
    ],
  }),
  defineCapability({
    name: "Let a message pass those of bulks",
    commands: ["message.sendText"],
    gateway: ["POST /api/message/send/text"],
    multiInstance: ["POST /api/whatsapp/{instanceId}/send"],
    simulator: "messages",
    tests: [
      `${queue} > paused sends wait across a restart while the instance receives, and go out in order when resumed`,
    ],
  }),
  defineCapability({
    name: "Send lists and buttons, as an experiment",
    commands: ["message.sendList", "message.sendButtons"],
    gateway: ["POST /api/message/send/list", "POST /api/message/send/buttons"],
    multiInstance: [],
    simulator: "messages",
    tests: [
      "tests/integration/message/gateway-send.test.ts > %s arrives as an interactive message if the caller opts in",
    ],
  }),
];
