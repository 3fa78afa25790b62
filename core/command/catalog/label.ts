import * as z from "zod";
import { recipient } from "../../message/recipient.ts";
import { defineCommand } from "./define.ts";

/** WhatsApp Business lets one have so many labels. */
export const maxLabels = 20;
/** WhatsApp has so many colors for labels, numbered from 0. */
export const labelColors = 20;
/** Longer than what WhatsApp's apps show. */
const maxLabelName = 100;

/** As the list of labels has it. WhatsApp's are small numbers as text; what is another text is the id of no label. */
export const labelId = z
  .string()
  .max(64)
  .regex(/^[!-~]+$/, "must be the id of a label");

const name = z.string().trim().min(1).max(maxLabelName);
const color = z
  .int()
  .min(0)
  .max(labelColors - 1);

export const label = z.object({
  id: z.string(),
  name: z.string(),
  /** 0 to 19, an index into WhatsApp's own list of colors. */
  color: z.int(),
  /** Of the labels that every business account begins with; null for those that somebody made. */
  predefinedId: z.string().nullable(),
});

const errors = ["not_a_business", "conflict", "unavailable", "outcome_unknown", "whatsapp_error"] as const;

export const create = defineCommand({
  name: "label.create",
  kind: "mutate",
  summary: "Make a label; WhatsApp Business accounts have up to 20",
  input: z.object({ name, color }),
  output: label,
  errors,
});

export const update = defineCommand({
  name: "label.update",
  kind: "mutate",
  summary: "Change the name or the color of a label",
  input: z
    .object({ labelId, name: name.optional(), color: color.optional() })
    .refine((input) => input.name !== undefined || input.color !== undefined, "give a name, a color or both"),
  output: label,
  errors: [...errors, "label_not_found"],
  repeatable: true,
});

export const remove = defineCommand({
  name: "label.delete",
  kind: "mutate",
  summary: "Delete a label; the chats that carry it stay",
  input: z.object({ labelId }),
  output: z.object({}),
  errors: [...errors, "label_not_found"],
  repeatable: true,
});

export const setChat = defineCommand({
  name: "label.setChat",
  kind: "mutate",
  summary: "Let a chat carry these labels and no others; none takes all away",
  input: z.object({ chat: recipient, labelIds: z.array(labelId).max(maxLabels) }),
  output: z.object({
    /** JID of the chat, by phone number where it is known. */
    chat: z.string(),
    labels: z.array(label),
  }),
  errors: [...errors, "label_not_found", "group_not_found", "forbidden", "recipient_not_on_whatsapp"],
  repeatable: true,
});
