import * as z from "zod";
import { responseAnswers } from "../../message/response.sql.ts";
import { defineEvent } from "./define.ts";

const response = {
  /** WhatsApp's id of the poll or calendar event. */
  messageId: z.string(),
  chatId: z.string(),
  /** JID of the respondent, by phone number if WhatsApp reports it. */
  by: z.string(),
  byLid: z.string().nullable(),
  pushName: z.string().nullable(),
  /** Whether the account itself responded, on a device of the owner. */
  fromMe: z.boolean(),
  /** Unix seconds. */
  timestamp: z.number().int(),
};

export const voted = defineEvent({
  type: "poll.voted",
  summary: "Somebody voted on a poll, or changed or withdrew a vote",
  data: z.object({
    ...response,
    question: z.string(),
    /** All options now chosen, in the order of the poll. Empty when the vote was withdrawn. */
    options: z.array(z.string()),
  }),
});

export const answered = defineEvent({
  type: "event.answered",
  summary: "Somebody responded to a calendar event, or changed the response",
  data: z.object({
    ...response,
    name: z.string(),
    answer: z.enum(responseAnswers),
    /** The number of guests that the respondent brings. */
    guests: z.number().int(),
  }),
});
