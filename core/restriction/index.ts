import type postgres from "postgres";
import * as z from "zod";
import { AppError } from "../error.ts";
import { defined } from "../object.ts";
import { type Restrictions, type SendOptions, type WaitReason, waitReasons } from "./restriction.sql.ts";

export { defaultPace, paceOf } from "./pace.ts";
export type { OwnPace, Pace, Restrictions, SendOptions, WaitReason } from "./restriction.sql.ts";

/** Why a send waits, and when it is tried again. */
export interface Wait {
  reason: WaitReason;
  until: Date;
}

const instant = z.iso.datetime();

/** Why a message waits, in the responses of both dialects. Null for a message that doesn't wait. */
export const waitingFor = z
  .object({ reason: z.enum(waitReasons), until: instant.nullable() })
  .nullable()
  .meta({
    description:
      "Why the message waits, and when it is tried again: time_lock, new_chat_cap and rate_limit are restrictions of WhatsApp, pace is the setting of the instance, and paused is a pause of its sends, whose end is not known (until is null). null if the message doesn't wait",
  });

/** Maximum of `typing` and `delay`, in milliseconds. For a longer delay, callers schedule the message. */
const maxLeadInMs = 60_000;

/** What the sender of messages may choose, in the requests of both dialects and of queues. */
export const sendOptions = {
  onRestriction: z.enum(["wait", "fail"]).optional().meta({
    description:
      "What happens while WhatsApp restricts the account and the message can't be sent: wait until the restriction ends, or fail at once with account_restricted or rate_limited. Default: wait",
  }),
  typing: z
    .union([z.boolean(), z.int().min(0).max(maxLeadInMs)])
    .optional()
    .meta({
      description:
        "Whether the recipient sees “typing…” before the message (“recording audio…” before a voice note): true for some seconds, depending on the text, or a number of milliseconds up to 60000. Default: the setting of the instance for texts, and no for other messages",
    }),
};

/** What the sender of a single message may choose. */
export const singleSendOptions = {
  ...sendOptions,
  priority: z.enum(["high", "normal"]).optional().meta({
    description:
      "high: the message passes waiting messages to other chats that don't have it, such as those of bulks. Messages to the same chat keep their order. Default: normal",
  }),
  delay: z.int().min(0).max(maxLeadInMs).optional().meta({
    description:
      "Milliseconds up to 60000 by which the message is delayed after its turn has come, before “typing…” is shown. Later messages to the same chat wait behind it. For a longer delay, use sendAt. Default: 0",
  }),
};

/** Returns the options in a request, or undefined if it has none. */
export function optionsOf(body: unknown): SendOptions | undefined {
  const { onRestriction, typing, delay, priority } = (body ?? {}) as SendOptions;
  const options: SendOptions = defined({ onRestriction, typing, delay, priority });
  return Object.keys(options).length === 0 ? undefined : options;
}

/** The fields of a row in `commands` from which `waitingFor` is made. */
export const toWaitingFor = (reason: WaitReason | null, until: Date | null): z.input<typeof waitingFor> =>
  reason && until && { reason, until: reason === "paused" ? null : until.toISOString() };

/** What WhatsApp restricts, in the responses of both dialects. */
export const shownRestrictions = z
  .object({
    timeLock: z.object({ type: z.string(), since: instant, until: instant }).nullable(),
    newChatCap: z.object({ used: z.int(), quota: z.int(), reached: z.boolean(), until: instant }).nullable(),
    rateLimit: z.object({ since: instant, until: instant }).nullable(),
  })
  .meta({
    description:
      "What WhatsApp restricts now. timeLock: messages to new chats are refused. newChatCap: how many messages to new chats are used in this cycle. rateLimit: there were too many messages",
  });

export function showRestrictions(stored: Restrictions | null, now: Date): z.input<typeof shownRestrictions> {
  const { timeLock = null, newChatCap = null, rateLimit = null } = current(stored ?? {}, now);
  return { timeLock, newChatCap, rateLimit };
}

/** Returns the restrictions that have not ended. */
export function current(restrictions: Restrictions, now: Date): Restrictions {
  const lasting = Object.entries(restrictions).filter(([, { until }]) => Date.parse(until) > now.getTime());
  return Object.fromEntries(lasting);
}

/** Returns what keeps a message to a chat from being sent now, or undefined. `isNew`: nobody wrote from this chat. */
export function blockOf(restrictions: Restrictions, isNew: boolean, now: Date): Wait | undefined {
  const { timeLock, newChatCap, rateLimit } = current(restrictions, now);
  const found: [WaitReason, { until: string } | undefined | false][] = [
    ["time_lock", isNew && timeLock],
    ["new_chat_cap", isNew && newChatCap?.reached && newChatCap],
    ["rate_limit", rateLimit],
  ];
  for (const [reason, block] of found) if (block) return { reason, until: new Date(block.until) };
  return undefined;
}

const texts: Readonly<Record<WaitReason, string>> = {
  time_lock: "WhatsApp refuses messages of this account to new chats",
  new_chat_cap: "this account has sent as many messages to new chats as WhatsApp allows",
  rate_limit: "WhatsApp refuses messages of this account, because there were too many",
  pace: "the pace of the instance allows no more messages now",
  paused: "the sends of the instance are paused",
};

/** Returns the error of a send that must not wait. */
export function restrictionError({ reason, until }: Wait, now: Date): AppError {
  const retryAfter = Math.max(1, Math.ceil((until.getTime() - now.getTime()) / 1000));
  const code = reason === "rate_limit" || reason === "pace" ? "rate_limited" : "account_restricted";
  return new AppError(code, `${texts[reason]}, until ${until.toISOString()}`, {
    data: { restriction: reason, until: until.toISOString(), retryAfter },
  });
}

/** Whether restrictions of new chats can concern messages to this JID: it is a person, not a group or a channel. */
export const isPerson = (jid: string) => /@(s\.whatsapp\.net|lid|hosted|hosted\.lid)$/.test(jid);

/**
 * Whether somebody has written to the account in one of these chats. WhatsApp lets the account answer them while it is
 * restricted.
 */
export async function hasWritten(sql: postgres.ISql, instanceId: string, chatIds: readonly string[]): Promise<boolean> {
  const [row] = await sql`
    select 1 from messages where instance_id = ${instanceId} and chat_id = any(${chatIds}::text[]) and not from_me limit 1`;
  return row !== undefined;
}

/**
 * Throws `account_restricted` or `rate_limited` if a message to this chat can't be sent now. The session host checks
 * again when the turn of the message comes.
 */
export async function assertUnrestricted(
  sql: postgres.ISql,
  instance: { id: string; restrictions: Restrictions | null },
  chatId: string,
  now: Date,
): Promise<void> {
  if (!instance.restrictions || !blockOf(instance.restrictions, true, now)) return;
  const isNew = isPerson(chatId) && !(await hasWritten(sql, instance.id, [chatId]));
  const wait = blockOf(instance.restrictions, isNew, now);
  if (wait) throw restrictionError(wait, now);
}
