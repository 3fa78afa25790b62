import { baileys, defineRule, issue, whatsmeow } from "./define.ts";

/** Groups, communities and channels. */
export const groupRules = [
  defineRule({
    name: "group_sender_key",
    claim:
      "A group message has one ciphertext for all members, and a copy of the sender key for each device that lacks it.",
    sources: [
      baileys("Socket/messages-send.js", "senderKeyDistributionMessage"),
      whatsmeow("send.go", "SenderKeyDistributionMessage"),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/group/group.test.ts > the simulator delivers consecutive group messages from clients and phones to every member",
    ],
    enforced: true,
    witness: "tests/peers/phone.test.ts",
  }),
  defineRule({
    name: "group_member_jids",
    claim: "The metadata of a group names each member by both JIDs.",
    sources: [baileys("Socket/groups.js", "phone_number"), whatsmeow("group.go", "parseParticipant")],
    checked: "2026-11",
    tests: [
      "tests/simulator/group/group.test.ts > the simulator announces a new group to its members' clients, with both JIDs of every member",
    ],
    enforced: true,
    witness: "tests/peers/phone.test.ts",
  }),
  defineRule({
    name: "group_metadata_members",
    claim: "Only members get the metadata of a group. Others get 403.",
    sources: [whatsmeow("group.go", "ErrNotInGroup")],
    checked: "2026-11",
    tests: [
      "tests/simulator/group/group.test.ts > the simulator refuses the metadata of a group to an account that is not a member",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "group_admins",
    claim: "Only admins change the members and the enforced settings of a group.",
    sources: [baileys("Socket/groups.js", "groupParticipantsUpdate"), whatsmeow("group.go", "UpdateGroupParticipants")],
    checked: "2026-11",
    tests: [
      "tests/simulator/group/group-management.test.ts > the simulator refuses changes that only admins may make to other members",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "group_subject_length",
    claim: "WhatsApp refuses a subject that is too long with 406.",
    sources: [whatsmeow("group.go", "ReqCreateGroup")],
    checked: "2026-11",
    tests: [
      "tests/simulator/group/group-management.test.ts > the simulator refuses a subject that is too long with 406",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "group_invite_errors",
    claim:
      "An invite link is refused with 401 by a group that the account may not join, and with 404 or 410 if the link is unknown or revoked.",
    sources: [whatsmeow("group.go", "GetGroupInfoFromLink")],
    checked: "2026-11",
    tests: [
      "tests/simulator/group/group-management.test.ts > the simulator accepts an invite code, and shows its group until the code is revoked",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "group_join_requests",
    claim: "If a group requires approval, an account that follows an invite link waits until an admin approves it.",
    sources: [
      baileys("Socket/groups.js", "groupRequestParticipantsUpdate"),
      whatsmeow("group.go", "GetGroupRequestParticipants"),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/group/group-management.test.ts > the simulator keeps a request to join until an admin approves the request",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "community_announcements",
    claim: "A community gets an announcement group when it is created, and members of its groups are members of both.",
    sources: [baileys("Socket/communities.js", "communityCreate"), whatsmeow("group.go", "linked announcement group")],
    checked: "2026-11",
    tests: [
      "tests/simulator/group/community.test.ts > the simulator adds a group's new member to its community, and removes a member of the community from its groups as well",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "channel_posts",
    claim: "A channel post reaches all followers unencrypted. Followers see only the number of reactions.",
    sources: [
      baileys("Socket/newsletter.js", "newsletterFetchMessages"),
      whatsmeow("newsletter.go", "GetNewsletterMessages"),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/group/channel.test.ts > the simulator lets a client create a channel, send a channel post to all followers, and delete the channel",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "channel_media",
    claim: "WhatsApp refuses a channel post with 479 if its file was not uploaded for channels.",
    sources: [issue("WhiskeySockets/Baileys", 2199)],
    checked: "2026-11",
    tests: [
      "tests/simulator/group/channel.test.ts > the simulator rejects a channel post whose file is not channel media",
    ],
    enforced: true,
    witness: false,
  }),
];
