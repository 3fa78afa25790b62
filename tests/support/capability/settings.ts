import { defineCapability } from "./define.ts";

const incoming = "tests/integration/session/incoming-settings.test.ts";
const overSqs = "tests/integration/ingress/settings.test.ts";
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
    name: "Keep key–value pairs that events repeat, and find instances by them",
    commands: [],
    gateway: [...gateway, "GET /api/instance"],
    multiInstance: [...multiInstance, "GET /api/instances"],
    simulator: null,
    tests: [`${incoming} > events, webhooks and lists repeat the metadata of the instance`],
  }),
  defineCapability({
    name: "Set a time zone for scheduled messages and daily limits",
    commands: [],
    gateway,
    multiInstance,
    simulator: null,
    tests: [`${incoming} > a time without an offset is one of the instance's time zone`],
  }),
  defineCapability({
    name: "See the settings as they apply, and where each comes from",
    commands: ["instance.settings"],
    gateway: ["GET /api/instance/{instanceId}/settings"],
    multiInstance: ["GET /api/instances/{instanceId}/settings"],
    simulator: null,
    tests: [`${incoming} > the settings are shown as they apply, with their sources, and a change is an event`],
  }),
  defineCapability({
    name: "Change and read settings over SQS",
    commands: ["instance.updateSettings", "instance.settings"],
    gateway,
    multiInstance,
    simulator: "calls",
    tests: [
      `${overSqs} > the setting $name is changed, and read over SQS and in both APIs, with its source`,
      `${overSqs} > rejects calls, and reconnects with another presence, although the host runs elsewhere`,
    ],
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
