/** The parts of the simulated WhatsApp, and the files in `simulator` that implement them. */
export const features = {
  linking: {
    what: "a phone scans the QR code or enters the linking code",
    files: ["stanza/device/pairing.ts", "stanza/device/link-code.ts", "phone/pairing.ts"],
  },
  passkeys: {
    what: "a phone demands the passkey of its account before it links a device",
    files: ["stanza/device/passkey.ts", "model/link/passkey.ts"],
  },
  unlinking: { what: "a device is removed from the account", files: ["stanza/device/device-list.ts"] },
  connection: { what: "sockets open, close and reconnect", files: ["server/connection.ts"] },
  messages: {
    what: "messages reach phones, end-to-end encrypted",
    files: ["stanza/message/route.ts", "phone/mailbox/inbox.ts"],
  },
  media: {
    what: "encrypted files are uploaded, stored and downloaded",
    files: ["server/media-host.ts", "wire/media.ts"],
  },
  fate: { what: "phones show edits, deletions and reactions", files: ["phone/effects.ts", "phone/mailbox/fate.ts"] },
  receipts: { what: "delivery and read receipts reach the sender", files: ["stanza/message/receipt.ts"] },
  numbers: { what: "whether a number is on WhatsApp, and its LID", files: ["stanza/account/usync.ts"] },
  blocklist: {
    what: "messages from blocked accounts are not delivered",
    files: ["stanza/account/profile.ts", "stanza/message/envelope.ts"],
  },
  "app state": {
    what: "the settings that a phone and its linked devices share",
    files: ["stanza/account/app-state.ts", "phone/app-state.ts"],
  },
  chats: {
    what: "chats are archived, pinned, muted, read, cleared and deleted, on the phone and its linked devices",
    files: ["phone/owner/chats.ts", "model/chat-action.ts"],
  },
  presence: { what: "subscribers see who is online, chats see who types", files: ["stanza/account/presence.ts"] },
  profile: {
    what: "names, about texts and pictures of accounts",
    files: ["stanza/account/profile.ts", "stanza/account/picture.ts"],
  },
  business: {
    what: "profiles, catalogs and orders of business accounts",
    files: ["stanza/account/business.ts"],
  },
  statuses: { what: "status posts reach their audience and nobody else", files: ["stanza/message/status-post.ts"] },
  groups: {
    what: "groups with members, admins, settings, pictures and invite links",
    files: ["model/group.ts", "stanza/group/change.ts", "stanza/group/queries.ts", "stanza/account/picture.ts"],
  },
  communities: {
    what: "communities and their groups",
    files: ["stanza/group/community-changes.ts", "stanza/group/membership.ts"],
  },
  channels: {
    what: "channels are followed, muted and posted in",
    files: ["stanza/channel/queries.ts", "stanza/channel/post.ts"],
  },
  labels: {
    what: "labels of a business account, shared with its phone",
    files: ["phone/owner/labels.ts", "phone/app-state.ts"],
  },
  "polls and events": {
    what: "phones vote and answer, encrypted",
    files: ["phone/surveys.ts", "phone/survey-response.ts"],
  },
  calls: { what: "calls ring, and are accepted, rejected or missed", files: ["model/call.ts", "stanza/call.ts"] },
} satisfies Record<string, { what: string; files: readonly string[] }>;

export type Feature = keyof typeof features;
