/** What the simulated WhatsApp does, and the files in `simulator` that do it. */
export const features = {
  linking: {
    what: "a phone scans the QR code or takes the pairing code",
    files: ["model/link-requests.ts", "stanza/device/pairing.ts"],
  },
  unlinking: { what: "a device is taken off the account", files: ["stanza/device/link.ts"] },
  connection: { what: "sockets open, end and come back", files: ["server/connection.ts"] },
  messages: {
    what: "messages reach phones end-to-end encrypted",
    files: ["stanza/message/message.ts", "phone/mailbox/inbox.ts"],
  },
  media: {
    what: "files are uploaded, kept and downloaded encrypted",
    files: ["server/media-host.ts", "wire/media.ts"],
  },
  fate: { what: "phones show edits, deletions and reactions", files: ["phone/mailbox/fate.ts"] },
  receipts: { what: "delivered and read reach the sender", files: ["stanza/message/receipt.ts"] },
  numbers: { what: "who is on WhatsApp, with LIDs", files: ["stanza/account/usync.ts"] },
  blocklist: { what: "blocked people reach nobody", files: ["stanza/account/profile.ts"] },
  "app state": {
    what: "what linked devices share with the phone",
    files: ["model/app-state.ts", "phone/app-state.ts"],
  },
  presence: { what: "who is online or typing, told to whom", files: ["stanza/account/presence.ts"] },
  profile: {
    what: "names, texts and pictures of accounts",
    files: ["stanza/account/profile.ts", "stanza/account/picture.ts"],
  },
  statuses: { what: "status posts reach their audience and no others", files: ["stanza/message/status-post.ts"] },
  groups: {
    what: "groups with members, admins, settings and invites",
    files: ["model/group.ts", "stanza/group/queries.ts"],
  },
  communities: {
    what: "communities with their groups",
    files: ["stanza/group/community.ts", "stanza/group/community-changes.ts"],
  },
  channels: {
    what: "channels that are followed, muted and posted in",
    files: ["model/channel.ts", "stanza/channel/queries.ts"],
  },
  labels: {
    what: "labels of a business, shared with its phone",
    files: ["model/app-state.ts", "phone/owner/labels.ts"],
  },
  "polls and events": { what: "phones vote and answer, encrypted", files: ["phone/surveys.ts"] },
  calls: { what: "calls ring, are taken, rejected and missed", files: ["model/call.ts", "stanza/call.ts"] },
} satisfies Record<string, { what: string; files: readonly string[] }>;

export type Feature = keyof typeof features;
