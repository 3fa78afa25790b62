/**
 * Why a send waits. `time_lock` and `new_chat_cap` concern only new chats, the others all sends. `paused`: the user has
 * paused the sends of the instance.
 */
export const waitReasons = ["time_lock", "new_chat_cap", "rate_limit", "pace", "paused"] as const;
export type WaitReason = (typeof waitReasons)[number];

/** What WhatsApp restricts. Each is stored until its end. Times are ISO 8601. */
export interface Restrictions {
  /** WhatsApp refuses messages to new chats (its "reach-out time-lock"). */
  timeLock?: {
    /** WhatsApp's reason, for example `BIZ_QUALITY` or `WEB_COMPANION_ONLY`. */
    type: string;
    since: string;
    until: string;
  };
  /** WhatsApp counts messages to new chats. Present also while some are left. */
  newChatCap?: {
    used: number;
    quota: number;
    /** Whether WhatsApp refuses messages to new chats until `until`. */
    reached: boolean;
    /** The end of the cycle, when the count starts again. */
    until: string;
  };
  /** WhatsApp refused messages because there were too many (429). */
  rateLimit?: { since: string; until: string };
}

/** How fast an instance sends. */
export interface Pace {
  /** Maximum number of messages per minute, or null for no limit. */
  perMinute: number | null;
  /** Maximum number of people per day of the instance's time zone to whom the account writes for the first time, or null for no limit. */
  newContactsPerDay: number | null;
  /** Minimum time between two messages, in milliseconds. */
  minGapMs: number;
  /** By how much gaps vary, from 0 to 1: with 0.5, a gap is 50% to 150% of its length. */
  jitter: number;
  /** Whether recipients see "typing…" before a text. */
  typing: boolean;
}

/** How a single send behaves. Stored with its command. */
export interface SendOptions {
  /** Whether the send waits while WhatsApp restricts the account, or fails. */
  onRestriction?: "wait" | "fail" | undefined;
  /** Whether the recipient sees "typing…" before the message, or for how many milliseconds. */
  typing?: boolean | number | undefined;
  /** Whether the send passes messages of bulks, and other messages without it, to other chats. */
  priority?: "high" | "normal" | undefined;
  /** How long the send is delayed after its turn has come, in milliseconds. */
  delay?: number | undefined;
}

/** The settings of a pace that differ from the defaults. */
export type OwnPace = { [Key in keyof Pace]?: Pace[Key] | undefined };
