import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import { findMessage } from "./find.ts";
import { spellingsOf } from "./forward.ts";
import { messageId as anyMessageId } from "./id.ts";
import { type ResponseAnswer, responseAnswers } from "./response.sql.ts";

export interface Respondent {
  /** JID, by phone number if it is known. Null for the account itself. */
  senderId: string | null;
  respondedAt: Date;
}

export type Tally = { messageId: string; chatId: string; body: string } & (
  | { type: "poll"; selectableCount: number | null; options: { name: string; voters: Respondent[] }[] }
  | { type: "event"; kind: string | null; answers: Record<ResponseAnswer, (Respondent & { guests: number })[]> }
);

/**
 * Returns the responses to a poll or calendar event so far, oldest first. Throws `message_not_found`, also for a
 * message of another kind, and `invalid_request` when messages in several chats have this id and `chat` is not given.
 */
export async function readTally(
  db: Database,
  instanceId: string,
  { messageId, chat }: { messageId: string; chat?: string | undefined },
): Promise<Tally> {
  if (!anyMessageId.safeParse(messageId).success) throw new AppError("message_not_found");
  const chats = chat === undefined ? undefined : await spellingsOf(db, instanceId, chat);
  const row = await findMessage(db, instanceId, messageId, chats);
  const { type, chatId, body, context } = row;
  if (type !== "poll" && type !== "event") {
    throw new AppError("message_not_found", "the message is neither a poll nor an event");
  }
  const responses = await db.sql<{ senderId: string | null; choices: string[]; guests: number; respondedAt: Date }[]>`
    select nullif(sender_id, '') as "senderId", choices, guests, responded_at as "respondedAt" from responses
    where instance_id = ${instanceId} and chat_id = ${chatId} and wa_id = ${messageId}
    order by responded_at, sender_id`;
  const whoChose = (choice: string) => responses.filter(({ choices }) => choices.includes(choice));
  const common = { messageId, chatId, body };
  if (type === "event") {
    const answers = Object.fromEntries(
      responseAnswers.map((answer) => [
        answer,
        whoChose(answer).map(({ senderId, respondedAt, guests }) => ({ senderId, respondedAt, guests })),
      ]),
    ) as Record<ResponseAnswer, (Respondent & { guests: number })[]>;
    return { ...common, type, kind: context?.event?.type ?? null, answers };
  }
  // An old poll was stored without its options, so only the options that somebody chose are known.
  const names = context?.poll?.options ?? [...new Set(responses.flatMap(({ choices }) => choices))];
  const options = names.map((name) => ({
    name,
    voters: whoChose(name).map(({ senderId, respondedAt }) => ({ senderId, respondedAt })),
  }));
  return { ...common, type, selectableCount: context?.poll?.selectableCount ?? null, options };
}
