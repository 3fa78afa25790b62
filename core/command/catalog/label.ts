import * as z from "zod";
import { recipient } from "../../message/recipient.ts";
import { appStateErrors } from "./app-state-errors.ts";
import { defineCommand } from "./define.ts";

/** The limit of WhatsApp Business. */
export const maxLabels = 20;
/** The number of colors that WhatsApp has for labels. They are numbered from 0. */
const labelColors = 20;
/** The longest name, in characters. WhatsApp's apps show fewer. */
const maxLabelName = 100;

/** The id from the list of labels. WhatsApp's ids are small numbers as text. Any other text matches no label. */
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
  /** 0 to 19: an index into WhatsApp's list of colors. */
  color: z.int(),
  /** The id among the labels that every business account starts with. Null for other labels. */
  predefinedId: z.string().nullable(),
});

const errors = ["not_a_business", ...appStateErrors] as const;

export const create = defineCommand({
  name: "label.create",
  kind: "mutate",
  summary: "Create a label. WhatsApp Business accounts have at most 20",
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
    .refine((input) => input.name !== undefined || input.color !== undefined, "give name, color or both"),
  output: label,
  errors: [...errors, "label_not_found"],
  repeatable: true,
});

export const remove = defineCommand({
  name: "label.delete",
  kind: "mutate",
  summary: "Delete a label. The chats with the label stay",
  input: z.object({ labelId }),
  output: z.object({}),
  errors: [...errors, "label_not_found"],
  repeatable: true,
});

export const setChat = defineCommand({
  name: "label.setChat",
  kind: "mutate",
  summary: "Set the labels of a chat to exactly the given labels. An empty list removes all labels",
  input: z.object({ chat: recipient, labelIds: z.array(labelId).max(maxLabels) }),
  output: z.object({
    /** JID of the chat, by phone number if it is known. */
    chat: z.string(),
    labels: z.array(label),
  }),
  errors: [...errors, "label_not_found", "group_not_found", "forbidden", "recipient_not_on_whatsapp"],
  repeatable: true,
});
