import { type ContentCase, key, seller, target } from "./case.ts";

/** Invitations, calls, albums, comments and answers. */
export const socialCases: Record<string, ContentCase> = {
  "a group invitation": {
    message: {
      groupInviteMessage: {
        groupJid: "120363000000000001@g.us",
        inviteCode: "AbCd",
        inviteExpiration: 1_800_000_000,
        groupName: "Hiking",
        caption: "Join us",
      },
    },
    content: {
      kind: "groupInvite",
      groupId: "120363000000000001@g.us",
      groupName: "Hiking",
      code: "AbCd",
      expiresAt: "2027-01-15T08:00:00.000Z",
      caption: "Join us",
      isCommunity: false,
    },
    body: "Join us",
    protobuf: { groupJid: "120363000000000001@g.us", inviteCode: "AbCd", inviteExpiration: 1_800_000_000 },
  },
  "an invitation to be a channel's admin": {
    message: {
      newsletterAdminInviteMessage: {
        newsletterJid: "120363000000000002@newsletter",
        newsletterName: "News",
        inviteExpiration: 1_800_000_000,
      },
    },
    content: { kind: "channelInvite", role: "admin", channelId: "120363000000000002@newsletter", channelName: "News" },
    body: "Invitation to News",
    protobuf: { newsletterJid: "120363000000000002@newsletter" },
  },
  "an invitation to follow a channel": {
    message: {
      newsletterFollowerInviteMessageV2: {
        newsletterJid: "120363000000000002@newsletter",
        newsletterName: "News",
        caption: "Worth reading",
      },
    },
    content: { kind: "channelInvite", role: "follower", caption: "Worth reading" },
    body: "Worth reading",
  },
  "an album": {
    message: { albumMessage: { expectedImageCount: 2, expectedVideoCount: 1 } },
    content: { kind: "album", imageCount: 2, videoCount: 1 },
    body: "Album: 2 images, 1 video",
    protobuf: { expectedImageCount: 2, expectedVideoCount: 1 },
  },
  "the entry of a call": {
    message: {
      callLogMesssage: {
        isVideo: true,
        callOutcome: 1,
        durationSecs: 0,
        callType: 0,
        participants: [{ jid: seller, callOutcome: 1 }],
      },
    },
    content: {
      kind: "callLog",
      isVideo: true,
      outcome: "missed",
      type: "regular",
      participants: [{ id: seller, outcome: "missed" }],
    },
    body: "Video call: missed",
    protobuf: { isVideo: true },
  },
  "a scheduled call": {
    message: {
      scheduledCallCreationMessage: { scheduledTimestampMs: 1_800_000_000_000, callType: 2, title: "Weekly" },
    },
    content: {
      kind: "scheduledCall",
      action: "scheduled",
      title: "Weekly",
      isVideo: true,
      startTime: "2027-01-15T08:00:00.000Z",
    },
    body: "Weekly",
  },
  "a canceled scheduled call": {
    message: { scheduledCallEditMessage: { key, editType: 1 } },
    content: { kind: "scheduledCall", action: "canceled", target },
    body: "Scheduled call canceled",
  },
  "a broadcast call": {
    message: { bcallMessage: { sessionId: "s", mediaType: 1, caption: "Live now" } },
    content: { kind: "broadcastCall", isVideo: false, caption: "Live now" },
    body: "Live now",
  },
  "a comment": {
    message: { commentMessage: { message: { extendedTextMessage: { text: "Well said" } }, targetMessageKey: key } },
    content: { kind: "comment", text: "Well said", target },
    body: "Well said",
    protobuf: { targetMessageKey: { id: "3EB0TARGET" } },
  },
  "an encrypted comment": {
    message: { encCommentMessage: { targetMessageKey: key, encPayload: Buffer.alloc(32), encIv: Buffer.alloc(12) } },
    content: { kind: "comment", text: null, target },
    body: "Encrypted comment",
  },
  "an answer in a channel": {
    message: { questionResponseMessage: { key, text: "Blue" } },
    content: { kind: "answer", in: "channel", text: "Blue", target },
    body: "Blue",
  },
  "an answer to a status post": {
    message: { statusQuestionAnswerMessage: { key, text: "Green" } },
    content: { kind: "answer", in: "status", text: "Green", target },
    body: "Green",
  },
  "the result of a poll": {
    message: {
      pollResultSnapshotMessage: {
        name: "Color?",
        pollVotes: [{ optionName: "Red", optionVoteCount: 3 }],
        pollType: 1,
      },
    },
    content: { kind: "pollResult", question: "Color?", isQuiz: true, options: [{ name: "Red", votes: 3 }] },
    body: "Color?",
  },
  "the result of a poll, newer form": {
    message: { pollResultSnapshotMessageV3: { name: "Size?", pollVotes: [{ optionName: "M" }] } },
    content: { kind: "pollResult", question: "Size?", isQuiz: false, options: [{ name: "M", votes: 0 }] },
    body: "Size?",
  },
  "a sticker pack": {
    message: {
      stickerPackMessage: {
        stickerPackId: "p1",
        name: "Cats",
        publisher: "Ann",
        stickerPackOrigin: 2,
        stickerPackSize: 4096,
        stickers: [{ fileName: "1.webp", isAnimated: true, emojis: ["😺"], mimetype: "image/webp" }],
      },
    },
    content: {
      kind: "stickerPack",
      packId: "p1",
      name: "Cats",
      origin: "user",
      size: 4096,
      stickers: [{ fileName: "1.webp", isAnimated: true, emojis: ["😺"], mimetype: "image/webp", isLottie: false }],
    },
    body: "Cats",
  },
  "an answer of Meta AI in its newer form": {
    message: {
      richResponseMessage: {
        unifiedResponse: {
          data: Buffer.from(
            JSON.stringify({
              sections: [
                {
                  view_model: { primitive: { __typename: "GenAIMarkdownTextUXPrimitive", text: "Here is the plan." } },
                },
                {
                  view_model: {
                    primitives: [
                      {
                        __typename: "GenATableUXPrimitive",
                        rows: [{ items: ["Day", "City"] }, { cells: [{ text: "1" }] }],
                      },
                      { __typename: "GenAICodeUXPrimitive", code_blocks: [{ content: "let a" }] },
                      { __typename: "GenAIImaginePrimitive", media: { url: "https://x.example/i" } },
                    ],
                  },
                },
              ],
            }),
          ),
        },
      },
    },
    content: {
      kind: "botResponse",
      parts: [
        { type: "text", text: "Here is the plan.", urls: [] },
        { type: "table", text: "Day\tCity\n1", urls: [] },
        { type: "code", text: "let a", urls: [] },
        { type: "image", text: "", urls: ["https://x.example/i"] },
      ],
    },
    body: "Here is the plan.\n\nDay\tCity\n1\n\nlet a",
  },
  "an answer of Meta AI": {
    message: {
      messageContextInfo: {
        botMetadata: {
          richResponseSourcesMetadata: {
            sources: [{ sourceTitle: "A page", sourceProviderUrl: "https://x.example/s" }],
          },
        },
      },
      botForwardedMessage: {
        message: {
          richResponseMessage: {
            messageType: 1,
            submessages: [
              { messageType: 2, messageText: "Here is the plan." },
              {
                messageType: 4,
                tableMetadata: { title: "Plan", rows: [{ items: ["Day", "City"] }, { items: ["1", "Rome"] }] },
              },
              {
                messageType: 5,
                codeMetadata: { codeLanguage: "js", codeBlocks: [{ codeContent: "let a" }, { codeContent: " = 1" }] },
              },
              {
                messageType: 3,
                imageMetadata: { imageText: "A map", imageUrl: { imageHighResUrl: "https://x.example/i" } },
              },
              { messageType: 8, latexMetadata: { expressions: [{ latexExpression: "a^2" }] } },
              { messageType: 7, mapMetadata: { annotations: [{ title: "Rome" }] } },
            ],
          },
        },
      },
    },
    protoType: "richResponseMessage",
    content: {
      kind: "botResponse",
      sources: [{ title: "A page", url: "https://x.example/s" }],
      parts: [
        { type: "text", text: "Here is the plan.", urls: [] },
        { type: "table", text: "Plan\nDay\tCity\n1\tRome", urls: [] },
        { type: "code", text: "let a = 1", urls: [] },
        { type: "image", text: "A map", urls: ["https://x.example/i"] },
        { type: "formula", text: "a^2", urls: [] },
        { type: "map", text: "Rome", urls: [] },
      ],
    },
    body: "Here is the plan.\n\nPlan\nDay\tCity\n1\tRome\n\nlet a = 1\n\nA map\n\na^2\n\nRome",
  },
};
