/** What the simulated WhatsApp does, and the files in `infra/local/whatsapp` that do it. */
export const features = {
  linking: { what: "a phone scans the QR code or takes the pairing code", files: ["link-requests.ts", "pairing.ts"] },
  unlinking: { what: "a device is taken off the account", files: ["stanza/link.ts"] },
  connection: { what: "sockets open, end and come back", files: ["connection.ts"] },
  messages: { what: "messages reach phones end-to-end encrypted", files: ["stanza/message.ts", "phone/inbox.ts"] },
  media: { what: "files are uploaded, kept and downloaded encrypted", files: ["media.ts", "phone/media.ts"] },
  fate: { what: "phones show edits, deletions and reactions", files: ["phone/fate.ts"] },
  receipts: { what: "delivered and read reach the sender", files: ["stanza/receipt.ts"] },
  numbers: { what: "who is on WhatsApp, with LIDs", files: ["stanza/usync.ts"] },
  blocklist: { what: "blocked people reach nobody", files: ["stanza/profile.ts"] },
  "app state": { what: "what linked devices share with the phone", files: ["app-state.ts", "phone/app-state.ts"] },
  presence: { what: "who is online or typing, told to whom", files: ["stanza/presence.ts"] },
  profile: { what: "names, texts and pictures of accounts", files: ["stanza/profile.ts", "stanza/picture.ts"] },
  statuses: { what: "status posts reach their audience and no others", files: ["stanza/status.ts"] },
  groups: { what: "groups with members, admins, settings and invites", files: ["group.ts", "stanza/groups.ts"] },
  communities: { what: "communities with their groups", files: ["community.ts", "stanza/community.ts"] },
  channels: { what: "channels that are followed, muted and posted in", files: ["channel.ts", "stanza/channel.ts"] },
  labels: { what: "labels of a business, shared with its phone", files: ["app-state.ts", "phone/labels.ts"] },
  "polls and events": { what: "phones vote and answer, encrypted", files: ["phone/responses.ts"] },
  calls: { what: "calls ring, are taken, rejected and missed", files: ["call.ts", "stanza/call.ts"] },
} satisfies Record<string, { what: string; files: readonly string[] }>;

export type Feature = keyof typeof features;
