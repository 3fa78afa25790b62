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
];
