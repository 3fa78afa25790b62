import { defineCapability } from "./define.ts";

const incoming = "tests/integration/session/incoming-settings.test.ts";
const gateway = ["PUT /api/instance/{instanceId}"];
const multiInstance = ["PUT /api/instances/{instanceId}"];

export const settings = [
  defineCapability({
    name: "Ignore groups, status posts, channels, broadcast lists or chats",
    commands: ["instance.applySettings"],
    gateway,
    multiInstance,
    simulator: "messages",
    tests: [`${incoming} > hides messages of %s at once, and the session still acknowledges them`],
  }),
  defineCapability({
    name: "Mark messages as read when they arrive",
    commands: ["instance.applySettings"],
    gateway,
    multiInstance,
    simulator: "receipts",
    tests: [`${incoming} > %j shows the senders of %j that the message was read`],
  }),
  defineCapability({
    name: "Reject calls, and answer their callers",
    commands: ["instance.applySettings", "message.sendText"],
    gateway,
    multiInstance,
    simulator: "calls",
    tests: [`${incoming} > answers each caller once in the period, and no call to a group`],
  }),
];
