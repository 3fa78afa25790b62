import * as z from "zod";
import { responseAnswers } from "../../message/response.sql.ts";
import { defineEvent } from "./define.ts";

const response = {
  /** WhatsApp's id of the poll or event. */
  messageId: z.string(),
  chatId: z.string(),
  /** JID of who answered, by phone number where WhatsApp tells it. */
  by: z.string(),
  byLid: z.string().nullable(),
  pushName: z.string().nullable(),
  /** Whether that was this account, on a device of its owner's. */
  fromMe: z.boolean(),
  /** Unix seconds. */
  timestamp: z.number().int(),
};

export const voted = defineEvent({
  type: "poll.voted",
  summary: "Somebody voted on a poll, changed their vote or took it back",
  data: z.object({
    ...response,
    question: z.string(),
    /** All that is chosen now, in the poll's order; none when the vote was taken back. */
    options: z.array(z.string()),
  }),
});

export const answered = defineEvent({
  type: "event.answered",
  summary: "Somebody said whether they come to an event, or changed that",
  data: z.object({
    ...response,
    name: z.string(),
    answer: z.enum(responseAnswers),
    /** How many they bring along. */
    guests: z.number().int(),
  }),
});
