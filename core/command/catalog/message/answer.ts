import * as z from "zod";
import { maxOptions } from "../../../message/context.ts";
import { messageId } from "../../../message/id.ts";
import { destination } from "../../../message/recipient.ts";
import { responseAnswers } from "../../../message/response.sql.ts";
import { defineCommand } from "../define.ts";

/** `chat` is required if messages in several chats have this id. */
const target = { messageId, chat: destination.optional() };

const errors = ["message_not_found", "conflict", "not_supported", "whatsapp_error"] as const;

/** Characters. WhatsApp's apps allow 100, other programs may have sent more. */
const maxOption = 1024;
/** Switchboard's own limit, because WhatsApp states none. */
const maxGuests = 100;

/** WhatsApp's id of the vote or answer. */
const answered = z.object({ messageId: z.string() });

export const vote = defineCommand({
  name: "message.vote",
  kind: "mutate",
  summary: "Vote in a poll. A vote replaces the account's earlier vote, and a vote without options withdraws it",
  input: z.object({
    ...target,
    /** The chosen options, as in the poll. */
    options: z
      .array(z.string().min(1).max(maxOption))
      .max(maxOptions)
      .refine((options) => new Set(options).size === options.length, "must be different from each other"),
  }),
  output: answered,
  errors,
  repeatable: true,
});

export const answerEvent = defineCommand({
  name: "message.answerEvent",
  kind: "mutate",
  summary: "Answer a calendar event. An answer replaces the account's earlier answer",
  input: z.object({
    ...target,
    answer: z.enum(responseAnswers),
    /** The number of people that the account brings. Only if the event allows guests. */
    guests: z.int().min(0).max(maxGuests).default(0),
  }),
  output: answered,
  errors,
  repeatable: true,
});
