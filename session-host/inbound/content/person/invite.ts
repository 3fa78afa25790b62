import type { Parse } from "../parse.ts";
import { isoOf, Reader } from "../reader.ts";
import { thumbnailOrNull } from "../values.ts";

/** mautrix-whatsapp reads the same fields in `convertGroupInviteMessage` of `pkg/msgconv/wa-misc.go`. */
export const parseGroupInvite: Parse<"groupInviteMessage"> = (part, scope) => {
  const read = new Reader(scope);
  return {
    kind: "groupInvite",
    groupId: read.jid(part.groupJid) ?? "",
    groupName: read.name(part.groupName),
    code: read.id(part.inviteCode) ?? "",
    expiresAt: isoOf(part.inviteExpiration),
    caption: read.main(part.caption),
    isCommunity: part.groupType === 1,
    thumbnail: thumbnailOrNull(part.jpegThumbnail),
  };
};

export const parseAdminInvite: Parse<"newsletterAdminInviteMessage"> = (part, scope) => {
  const read = new Reader(scope);
  return {
    ...{ kind: "channelInvite", role: "admin" },
    channelId: read.jid(part.newsletterJid) ?? "",
    channelName: read.name(part.newsletterName),
    caption: read.main(part.caption),
    expiresAt: isoOf(part.inviteExpiration),
    thumbnail: thumbnailOrNull(part.jpegThumbnail),
  };
};

export const parseFollowerInvite: Parse<"newsletterFollowerInviteMessageV2"> = (part, scope) => {
  const read = new Reader(scope);
  return {
    ...{ kind: "channelInvite", role: "follower", expiresAt: null },
    channelId: read.jid(part.newsletterJid) ?? "",
    channelName: read.name(part.newsletterName),
    caption: read.main(part.caption),
    thumbnail: thumbnailOrNull(part.jpegThumbnail),
  };
};
