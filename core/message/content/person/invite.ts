import * as z from "zod";
import { defineContent } from "../define.ts";
import { thumbnail } from "../field.ts";
import { firstText, secondsOf } from "../parts.ts";

export const groupInvite = defineContent({
  kind: "groupInvite",
  summary: "An invitation to a group or community",
  schema: z.object({
    kind: z.literal("groupInvite"),
    groupId: z.string(),
    groupName: z.string(),
    /** With the group's id and the sender, it lets the recipient join. It is not the code of an invite link. */
    code: z.string(),
    /** In ISO 8601. */
    expiresAt: z.string().nullable(),
    /** What the sender wrote. */
    caption: z.string(),
    isCommunity: z.boolean(),
    /** The picture of the group. */
    thumbnail,
  }),
  text: ({ caption, groupName }) =>
    firstText(caption, groupName && `Invitation to ${groupName}`, "Invitation to a group"),
  protobuf: ({ groupId, groupName, code, expiresAt, caption, thumbnail: jpegThumbnail }) => ({
    groupJid: groupId,
    inviteCode: code,
    inviteExpiration: secondsOf(expiresAt),
    groupName,
    caption,
    jpegThumbnail,
  }),
});

export const channelInvite = defineContent({
  kind: "channelInvite",
  summary: "An invitation to follow a channel, or to be one of its admins",
  schema: z.object({
    kind: z.literal("channelInvite"),
    role: z.enum(["follower", "admin"]),
    channelId: z.string(),
    channelName: z.string(),
    /** What the sender wrote. */
    caption: z.string(),
    /** In ISO 8601. */
    expiresAt: z.string().nullable(),
    /** The picture of the channel. */
    thumbnail,
  }),
  text: ({ caption, channelName }) =>
    firstText(caption, channelName && `Invitation to ${channelName}`, "Invitation to a channel"),
  protobuf: ({ channelId, channelName, caption, expiresAt, thumbnail: jpegThumbnail }) => ({
    newsletterJid: channelId,
    newsletterName: channelName,
    caption,
    inviteExpiration: secondsOf(expiresAt),
    jpegThumbnail,
  }),
});
