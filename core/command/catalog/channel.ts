import * as z from "zod";
import { channelRoles } from "../../channel/channel.sql.ts";
import { toChannelJid } from "../../message/recipient.ts";
import { defineCommand } from "./define.ts";
import { setPicture } from "./profile.ts";

/** A channel's JID, with or without `@newsletter`. */
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

/** The link of a channel, or its code. */
const channelInvite = z
  .string()
  .trim()
  .max(256)
  .transform((value) => value.replace(link, "").split(/[/?#]/, 1)[0] ?? "")
  .pipe(z.string().regex(/^(?=.*[A-Za-z])[\w-]{8,64}$/, "must be the link of a WhatsApp channel, or its code"));

/** A channel by its JID, its digits, its link or the code of the link. */
const channelName = z
  .string()
  .max(256)
  .transform((value, context) => {
    const name = toChannelJid(value) ?? channelInvite.safeParse(value).data;
    if (name) return name;
    context.addIssue({ code: "custom", message: "must be the id or the link of a WhatsApp channel" });
    return z.NEVER;
  });

/** WhatsApp's limits, in characters. */
const name = z.string().trim().min(1).max(100);
const description = z.string().max(2048);

export const channel = z.object({
  /** JID. */
  id: z.string(),
  name: z.string().nullable(),
  description: z.string().nullable(),
  /** `guest` if the account does not follow the channel. */
  role: z.enum([...channelRoles, "guest"]),
  muted: z.boolean(),
  verified: z.boolean(),
  subscribers: z.int().nullable(),
  /** The part of the link after `https://whatsapp.com/channel/`. */
  inviteCode: z.string().nullable(),
  /** ISO 8601. */
  createdAt: z.string().nullable(),
});
export type ChannelDetails = z.output<typeof channel>;

const target = z.object({ channel: channelId });
const nothing = z.object({});
const errors = ["channel_not_found", "forbidden", "whatsapp_error"] as const;

const { url, upload } = setPicture.input.shape;

export const create = defineCommand({
  name: "channel.create",
  kind: "mutate",
  summary: "Create a channel",
  input: z
    .object({
      name,
      description: description.optional(),
      /** The picture: a JPEG of at most 1 MiB, by URL or from an earlier upload. */
      url,
      upload,
    })
    .refine((input) => input.url === undefined || input.upload === undefined, "give either a URL or an upload"),
  output: z.object({
    channel,
    /**
     * Whether the channel has the given picture. If WhatsApp refuses the picture, the channel is created without a
     * picture.
     */
    hasPicture: z.boolean(),
  }),
  errors: [...setPicture.errors, "forbidden", "outcome_unknown"],
  repeatable: false,
});

export const get = defineCommand({
  name: "channel.get",
  kind: "query",
  summary: "Get a channel, followed or not",
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
  summary: "Unfollow a channel",
  input: target,
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
    "Mute a channel, permanently or for a duration. WhatsApp has no timed mutes, so the gateway unmutes the channel at the end of the duration",
  input: target.extend({
    /** Seconds. */
    duration: z.int().min(1).max(maxMute).optional(),
  }),
  output: z.object({
    /** ISO 8601. Null if the channel is muted permanently. */
    mutedUntil: z.string().nullable(),
  }),
  errors,
  repeatable: true,
});

export const unmute = defineCommand({
  name: "channel.unmute",
  kind: "mutate",
  summary: "Unmute a channel",
  input: target,
  output: nothing,
  errors,
  repeatable: true,
});

export const update = defineCommand({
  name: "channel.update",
  kind: "mutate",
  summary: "Change the name or the description of a channel. Requires an admin of the channel",
  input: target
    .extend({ name: name.optional(), description: description.optional() })
    .refine(
      (input) => input.name !== undefined || input.description !== undefined,
      "give at least one of name, description",
    ),
  output: nothing,
  errors,
  repeatable: true,
});

export const remove = defineCommand({
  name: "channel.delete",
  kind: "mutate",
  summary: "Delete a channel for all its followers. Requires the owner of the channel",
  input: target,
  output: nothing,
  errors: [...errors, "outcome_unknown"],
  // A repeated deletion fails, because the channel no longer exists.
  repeatable: false,
});

export const maxChannelPosts = 100;

export const channelPost = z.object({
  messageId: z.string(),
  /** WhatsApp's number of the message in the channel. */
  serverId: z.int(),
  type: z.string(),
  /** Text or caption. Null if neither WhatsApp nor the history has the text. */
  body: z.string().nullable(),
  /** ISO 8601. */
  timestamp: z.string().nullable(),
  fromMe: z.boolean(),
  views: z.int().nullable(),
  reactions: z.array(z.object({ emoji: z.string(), count: z.int() })),
});
export type ChannelPost = z.output<typeof channelPost>;

export const messages = defineCommand({
  name: "channel.messages",
  kind: "query",
  summary: "Get the newest channel posts from WhatsApp, with their reactions and views",
  input: target.extend({
    limit: z.int().min(1).max(maxChannelPosts).default(20),
    /** Only messages with a greater `serverId`. */
    after: z.int().min(0).optional(),
  }),
  /** Newest first. */
  output: z.object({ messages: z.array(channelPost) }),
  errors,
});
