import * as z from "zod";
import type { MessageFilters } from "../../../core/message/filter.ts";
import { messageStatuses } from "../../../core/message/message.sql.ts";
import { recipient } from "../../../core/message/recipient.ts";
import { queryText } from "./common.ts";

const flag = z.enum(["true", "false"]).transform((text) => text === "true");

/** A comma-separated list of at most 20 entries. */
const listOf = <Entry extends string>(entry: z.ZodType<Entry, string>) =>
  queryText(1000)
    .transform((text) => text.split(",").map((part) => part.trim()))
    .pipe(z.array(entry).max(20));

/** The query parameters that select messages. */
export const messageFilterQuery = {
  fromMe: flag
    .optional()
    .meta({ description: "`true`: only messages of the account; `false`: only messages of others" }),
  type: listOf(z.string().regex(/^[A-Za-z0-9]{1,64}$/, "must be the name of a type, such as image"))
    .optional()
    .meta({ description: "Comma-separated types of messages or kinds of content, such as `image,video`" }),
  sender: recipient
    .optional()
    .meta({ description: "Only messages of this person in a chat: a phone number, or the JID of a number or LID" }),
  status: listOf(z.enum(messageStatuses)).optional().meta({ description: "Comma-separated statuses" }),
  text: queryText(200).optional().meta({ description: "Only messages with these words, or with words that begin so" }),
  hasMedia: flag.optional().meta({ description: "Whether the messages have a file" }),
};

const query = z.object(messageFilterQuery);

export const toMessageFilters = ({
  fromMe,
  type,
  sender,
  status,
  text,
  hasMedia,
}: z.output<typeof query>): MessageFilters => ({ fromMe, types: type, sender, statuses: status, text, hasMedia });
