import * as z from "zod";
import { eventQueueText } from "../../event-sink/allowed.ts";
import { passkeyAnswer } from "../../instance/passkey.ts";
import { accountSettings } from "../../instance/setting/account.ts";
import { effectiveSettings } from "../../instance/setting/effective.ts";
import {
  instanceDescription,
  instanceName,
  webhookFilters,
  webhookSecret,
  webhookSettings,
  webhookUrl,
} from "../../instance/setting/webhook.ts";
import { queueFilter } from "../waiting-queue.ts";
import { defineCommand } from "./define.ts";

const nothing = z.object({});

export const start = defineCommand({
  name: "instance.start",
  kind: "mutate",
  summary: "Start the session of an instance if it is not running",
  input: nothing,
  output: nothing,
  errors: [],
  offline: true,
  repeatable: true,
});

export const restart = defineCommand({
  name: "instance.restart",
  kind: "mutate",
  summary: "Restart the session of an instance and keep its credentials",
  input: nothing,
  output: nothing,
  errors: [],
  offline: true,
  repeatable: true,
});

export const applySettings = defineCommand({
  name: "instance.applySettings",
  kind: "mutate",
  summary: "Make the running session use the settings of an instance as they are now",
  input: nothing,
  output: nothing,
  errors: [],
  offline: true,
  repeatable: true,
});

/** Null or an empty string means "none". */
const clearable = <Schema extends z.ZodType>(schema: Schema) =>
  z.union([schema, z.literal("").transform(() => null), z.null()]).optional();

const changes = z.object({
  name: instanceName.optional(),
  description: instanceDescription.optional(),
  eventQueue: clearable(eventQueueText),
  ...webhookSettings.shape,
  webhookUrl: clearable(webhookUrl),
  webhookEnabled: z.boolean().optional(),
  webhookSecret: clearable(webhookSecret),
  /** Replaces all headers. */
  webhookHeaders: z.record(z.string(), z.string()).optional(),
  /** The names of the events in either API, or their types. Null: the default events. */
  webhookEvents: z.array(z.string().min(1).max(64)).min(1).max(100).nullish(),
  /** Replaces all filters. */
  webhookFilters: webhookFilters.optional(),
  webhookTimeoutSeconds: z.int().min(1).max(60).optional(),
  ...accountSettings.shape,
});

/** Accepted only over SQS: `PUT /api/instances/{instanceId}` does the same. */
export const updateSettings = defineCommand({
  name: "instance.updateSettings",
  kind: "mutate",
  summary: "Change the given settings of an instance. An omitted setting keeps its value",
  input: changes,
  /** The settings as they apply after the change. */
  output: z.object({ settings: effectiveSettings }),
  errors: ["url_not_allowed", "forbidden"],
  offline: true,
  repeatable: true,
  // The settings are stored when the command is accepted. The row of the command keeps none, because some are secrets.
  fix: async () => Object.fromEntries(Object.keys(changes.shape).map((name) => [name, undefined])),
});

/** Accepted only over SQS: `GET /api/instances/{instanceId}/settings` does the same. */
export const settings = defineCommand({
  name: "instance.settings",
  kind: "query",
  summary: "Get the settings of an instance as they apply, and where each comes from",
  input: nothing,
  output: z.object({ settings: effectiveSettings }),
  errors: [],
  offline: true,
});

export const pauseSends = defineCommand({
  name: "instance.pauseSends",
  kind: "mutate",
  summary: "Pause the sends of an instance: messages are accepted and wait. The instance still receives",
  input: nothing,
  output: z.object({ pausedAt: z.iso.datetime() }),
  errors: [],
  offline: true,
  repeatable: true,
});

export const resumeSends = defineCommand({
  name: "instance.resumeSends",
  kind: "mutate",
  summary: "Resume the sends of an instance. Messages that waited go out in order",
  input: nothing,
  output: nothing,
  errors: [],
  offline: true,
  repeatable: true,
});

export const clearQueue = defineCommand({
  name: "instance.clearQueue",
  kind: "mutate",
  summary: "Cancel the messages of an instance that wait to be sent, all or those that match",
  input: z.object(queueFilter),
  /** The number of messages that were canceled. Messages that are on their way to WhatsApp are not canceled. */
  output: z.object({ canceled: z.int() }),
  errors: [],
  offline: true,
  repeatable: true,
});

export const stop = defineCommand({
  name: "instance.stop",
  kind: "mutate",
  summary: "Stop the session of an instance and keep the device linked",
  input: nothing,
  output: nothing,
  errors: [],
  offline: true,
  repeatable: true,
});

export const logout = defineCommand({
  name: "instance.logout",
  kind: "mutate",
  summary: "Unlink the device from WhatsApp and delete the credentials",
  input: nothing,
  output: nothing,
  errors: [],
  offline: true,
  repeatable: true,
});

export const remove = defineCommand({
  name: "instance.delete",
  kind: "mutate",
  summary: "Unlink the device from WhatsApp and delete the instance with all its data",
  input: nothing,
  output: nothing,
  errors: [],
  offline: true,
  repeatable: true,
});

export const requestPairingCode = defineCommand({
  name: "instance.requestPairingCode",
  kind: "mutate",
  summary: "Get a pairing code, which the owner enters on the phone instead of scanning a QR code",
  input: z.object({
    /** Digits of the international number, without `+`. */
    phoneNumber: z.string().regex(/^[1-9][0-9]{6,14}$/),
  }),
  output: z.object({ code: z.string(), expiresAt: z.iso.datetime() }),
  errors: ["instance_already_connected", "pairing_code_refused", "rate_limited", "whatsapp_error"],
  offline: true,
  repeatable: true,
  secret: true,
});

export const answerPasskey = defineCommand({
  name: "instance.answerPasskey",
  kind: "mutate",
  summary: "Pass the answer of the account's passkey to WhatsApp, to link the device",
  input: passkeyAnswer,
  output: z.object({
    /** A code to compare with the code on the phone. Null if the phone needs nothing else. */
    confirmationCode: z.string().nullable(),
  }),
  errors: ["conflict", "whatsapp_error"],
  offline: true,
  repeatable: false,
});

export const confirmPasskey = defineCommand({
  name: "instance.confirmPasskey",
  kind: "mutate",
  summary: "Confirm that the phone shows the code of the passkey pairing",
  input: nothing,
  output: nothing,
  errors: ["conflict", "whatsapp_error"],
  offline: true,
  repeatable: false,
});
