import { defineCapability } from "./define.ts";

const historyTests = "tests/api/message/history.test.ts";
const searchTests = "tests/api/message/search.test.ts";

export const history = [
  defineCapability({
    name: "Filter the history by sender, type, status, text and files",
    commands: [],
    gateway: ["GET /api/message/chat/{instanceId}/{chatId}"],
    multiInstance: ["GET /api/instances/{instanceId}/chats/{chatId}/messages"],
    simulator: null,
    tests: [`${historyTests} > is filtered by %s in both APIs`],
  }),
  defineCapability({
    name: "Search messages",
    commands: [],
    gateway: ["GET /api/message/search/{instanceId}", "GET /api/message/search"],
    multiInstance: [],
    simulator: null,
    tests: [
      `${searchTests} > finds the messages with %s (%s)`,
      `${searchTests} > finds the messages of all instances of the user, and of no other user`,
    ],
  }),
  defineCapability({
    name: "Export a chat",
    commands: [],
    gateway: [
      "POST /api/message/exports/{instanceId}",
      "GET /api/message/exports/{instanceId}",
      "GET /api/message/exports/{instanceId}/{exportId}",
      "DELETE /api/message/exports/{instanceId}/{exportId}",
    ],
    multiInstance: [],
    simulator: null,
    tests: [
      "tests/api/message/export.test.ts > writes JSON lines, oldest first, and has a link to the file",
      "tests/api/message/export.test.ts > continues after its process was killed, without loss or repetition",
    ],
  }),
];
