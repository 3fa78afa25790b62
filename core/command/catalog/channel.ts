import * as z from "zod";
import { channelRoles } from "../../channel/channel.sql.ts";
import { toChannelJid } from "../../message/recipient.ts";
import { defineCommand } from "./define.ts";
import { setPicture } from "./profile.ts";

/** The JID of a channel, or the digits before `@newsletter`. */
export const channelId = z
  .string()
  .max(128)
  .transform((value, context) => {
    const jid = toChannelJid(value);
    if (jid) return jid;
    context.addIssue({ code: "custom", message: "must be the id of a WhatsApp channel" });
    return z.NEVER;
  });

const link = /^(?:https?:\/\/)?(?:www\.)?whatsapp\.com\/channel\//i;

/** The code of a channel's link, or the link. */
export const channelInvite = z
  .string()
  .trim()
  .max(256)
  .transform((value) => value.replace(link, "").replace(/[/?#].*$/, ""))
  .pipe(z.string().regex(/^(?=.*[A-Za-z])[\w-]{8,64}$/, "must be the link of a WhatsApp channel, or its code"));

/** A channel by whichever of its names: JID, digits, link or the link's code. JIDs end in `@newsletter`, codes have no `@`. */
export const channelName = z
  .string()
  .max(256)
  .transform((value, context) => {
    const name = toChannelJid(value) ?? channelInvite.safeParse(value).data;
    if (name) return name;
    context.addIssue({ code: "custom", message: "must be the id or the link of a WhatsApp channel" });
    return z.NEVER;
  });

/** WhatsApp's own bounds, in characters. */
const name = z.string().trim().min(1).max(100);
const description = z.string().max(2048);

export const channel = z.object({
  /** JID. */
  id: z.string(),
  name: z.string().nullable(),
  description: z.string().nullable(),
  /** `guest` of one that the account does not follow. */
  role: z.enum([...channelRoles, "guest"]),
  muted: z.boolean(),
  verified: z.boolean(),
  subscribers: z.int().nullable(),
  /** What follows `https://whatsapp.com/channel/`. */
  inviteCode: z.string().nullable(),
  /** ISO 8601. */
  createdAt: z.string().nullable(),
});
export type ChannelDetails = z.output<typeof channel>;

const which = z.object({ channel: channelId });
const nothing = z.object({});
const errors = ["channel_not_found", "forbidden", "whatsapp_error"] as const;

const { url, upload } = setPicture.input.shape;

export const create = defineCommand({
  name: "channel.create",
  kind: "mutate",
  summary: "Make a channel",
  input: z
    .object({
      name,
      description: description.optional(),
      /** A JPEG of at most 1 MiB, by URL or uploaded before. */
      url,
      upload,
    })
    .refine((input) => input.url === undefined || input.upload === undefined, "give either a URL or an upload"),
  output: z.object({
    channel,
    /** Whether it has the picture that was given: the channel is there without it if WhatsApp refuses it. */
    hasPicture: z.boolean(),
  }),
  errors: [...setPicture.errors, "forbidden", "outcome_unknown"],
  repeatable: false,
});

export const get = defineCommand({
  name: "channel.get",
  kind: "query",
  summary: "Look at a channel, whether followed or not",
  input: z.object({ channel: channelName }),
  output: channel,
  errors,
});

export const follow = defineCommand({
  name: "channel.follow",
  kind: "mutate",
  summary: "Follow a channel",
  input: z.object({ channel: channelName }),
  output: channel,
  errors,
  repeatable: true,
});

export const unfollow = defineCommand({
  name: "channel.unfollow",
  kind: "mutate",
  summary: "Follow a channel no longer",
  input: which,
  output: nothing,
  errors,
  repeatable: true,
});

/** Seconds: a year. */
const maxMute = 31_536_000;

export const mute = defineCommand({
  name: "channel.mute",
  kind: "mutate",
  summary:
    "Mute a channel, for good or for a time: WhatsApp itself knows no time, so it is unmuted when that has passed",
  input: which.extend({
    /** Seconds. */
    duration: z.int().min(1).max(maxMute).optional(),
  }),
  output: z.object({
    /** ISO 8601; null when it is for good. */
    mutedUntil: z.string().nullable(),
  }),
  errors,
  repeatable: true,
});

export const unmute = defineCommand({
  name: "channel.unmute",
  kind: "mutate",
  summary: "Mute a channel no longer",
  input: which,
  output: nothing,
  errors,
  repeatable: true,
});

export const update = defineCommand({
  name: "channel.update",
  kind: "mutate",
  summary: "Name or describe a channel anew, as one of its admins",
  input: which
    .extend({ name: name.optional(), description: description.optional() })
    .refine((input) => input.name !== undefined || input.description !== undefined, "name one of name, description"),
  output: nothing,
  errors,
  repeatable: true,
});

export const remove = defineCommand({
  name: "channel.delete",
  kind: "mutate",
  summary: "Delete a channel for all who follow it, as its owner",
  input: which,
  output: nothing,
  errors: [...errors, "outcome_unknown"],
  // A second time it is not there any more, which reads as a failure.
  repeatable: false,
});

export const maxPosts = 100;

export const post = z.object({
  messageId: z.string(),
  /** WhatsApp's number of it in the channel. */
  serverId: z.int(),
  type: z.string(),
  /** Text or caption; null where neither WhatsApp tells it nor the history knows it. */
  body: z.string().nullable(),
  /** ISO 8601. */
  timestamp: z.string().nullable(),
  fromMe: z.boolean(),
  views: z.int().nullable(),
  reactions: z.array(z.object({ emoji: z.string(), count: z.int() })),
});
export type Post = z.output<typeof post>;

export const messages = defineCommand({
  name: "channel.messages",
  kind: "query",
  summary: "Ask WhatsApp for the newest messages of a channel, with their reactions and views",
  input: which.extend({
    limit: z.int().min(1).max(maxPosts).default(20),
    /** Only those after the one that has this number in the channel. */
    after: z.int().min(0).optional(),
  }),
  /** Newest first. */
  output: z.object({ messages: z.array(post) }),
  errors,
});
