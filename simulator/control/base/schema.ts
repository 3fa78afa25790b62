import { z } from "zod";
import { PIN_SECONDS } from "../../phone/about.ts";
import { placeholderModes } from "../../phone/placeholders.ts";
import { withheldForms } from "../../stanza/message/withheld.ts";

const PhoneNumber = z
  .string()
  .regex(/^\d{5,15}$/)
  .describe("Phone number with the country code, digits only");
export const Address = z.string().min(3).describe("A phone number, or the JID of an account or group");
const TimeoutMs = z.coerce.number().int().min(0).max(120_000).default(10_000).describe("Maximum wait in milliseconds");
export const Times = z.number().int().min(1).max(1000).default(1).describe("How many times the fault happens");

export const NewPhone = z.object({
  number: PhoneNumber,
  pushName: z.string().optional(),
  business: z
    .union([z.literal(true), z.object({ name: z.string() })])
    .optional()
    .describe("Use WhatsApp Business, which has labels. `true` takes the push name as the business name"),
  lid: z.string().regex(/^\d+$/).optional().describe("User part of the LID. Default: a generated LID"),
  addressing: z
    .enum(["lid", "pn"])
    .optional()
    .describe(
      "Whether the envelopes of the phone's messages name accounts by LID or by phone number. Default: `lid` if the account is moved to LIDs, otherwise `pn`",
    ),
  lidMigrated: z
    .boolean()
    .default(true)
    .describe(
      "Whether WhatsApp has moved the account to LIDs. Messages from its linked devices must then name people by LID",
    ),
  autoRead: z.boolean().default(false).describe("Send a read receipt for each message"),
  history: z
    .union([
      z
        .object({
          chats: z.number().int().min(1).max(10_000),
          messages: z.number().int().min(1).max(200_000),
          days: z.number().min(1).max(3_650).default(365).describe("The days over which the messages are spread"),
        })
        .describe("Generated texts"),
      z.array(
        z.object({
          with: Address,
          lid: z.string().regex(/^\d+$/).optional().describe("User part of the LID of a number that is no phone here"),
          name: z.string().optional(),
          unread: z.number().int().min(0).optional(),
          timer: z.number().int().min(0).optional().describe("The timer for disappearing messages, in seconds"),
          messages: z.array(
            z.object({
              text: z.string(),
              fromMe: z.boolean().optional(),
              timestamp: z.number().int().describe("Seconds since the epoch"),
              id: z.string().optional(),
              author: PhoneNumber.optional(),
            }),
          ),
        }),
      ),
    ])
    .default([])
    .describe("The chats that a newly linked device gets"),
  historyTransport: z
    .enum(["blob", "inline"])
    .default("blob")
    .describe("Whether the history is a file on the media host or part of the message that announces it"),
});

export const PhoneChange = z.object({
  pushName: z.string().optional(),
  online: z.boolean().optional(),
  autoRead: z.boolean().optional(),
  addressing: z.enum(["lid", "pn"]).optional(),
  lidMigrated: z
    .boolean()
    .optional()
    .describe("Whether WhatsApp has moved the account to LIDs. Linked devices learn it at their next login"),
  placeholders: z
    .enum(placeholderModes)
    .optional()
    .describe(
      "What the phone does with requests for messages that its linked devices got without content: answer, refuse, or hold them. `answer` and `refuse` also apply to the requests that it holds",
    ),
  mediaRetry: z
    .enum(["upload", "refuse", "ignore"])
    .optional()
    .describe("What the phone does when a linked device asks for a file that is gone from the media host"),
});

export const DeviceView = z.object({
  jid: z.string(),
  lid: z.string(),
  id: z.number().int(),
  number: PhoneNumber,
  platform: z.string(),
  online: z.boolean(),
  kept: z.number().int().describe("Number of stanzas that the server keeps until the device acknowledges them"),
  preKeys: z.number().int().describe("Number of one-time prekeys that are left"),
  sockets: z.object({
    open: z.number().int(),
    maximum: z
      .number()
      .int()
      .describe("Highest number of sockets that were open with these credentials at the same time"),
    logins: z.number().int(),
    history: z.array(
      z.object({ at: z.number(), event: z.enum(["open", "close", "replaced"]), open: z.number().int() }),
    ),
  }),
  counts: z.object({
    received: z.number().int(),
    delivered: z.number().int(),
    redelivered: z.number().int(),
    acked: z.number().int(),
    nacked: z.number().int(),
    tokens: z.number().int().describe("Messages with a privacy token of their recipient"),
  }),
});

export const PhoneView = z.object({
  number: PhoneNumber,
  jid: z.string(),
  lid: z.string(),
  pushName: z.string(),
  online: z.boolean(),
  lidMigrated: z.boolean(),
  devices: z.array(DeviceView),
  messages: z.number().int(),
  duplicates: z.number().int(),
  failures: z.array(z.object({ id: z.string(), from: z.string(), type: z.string(), error: z.string() })),
  placeholderRequests: z
    .array(z.object({ id: z.string(), device: z.number().int(), messages: z.array(z.string()) }))
    .describe("Requests of linked devices for messages that they got without content, oldest first"),
  errors: z.array(z.string()),
});

export const Scan = z.object({ qr: z.string().min(20).describe("Text of the QR code") });
export const LinkCode = z.object({ code: z.string().min(8).max(9), timeoutMs: TimeoutMs });

const Send = {
  to: Address,
  id: z.string().optional().describe("Message id. Default: a new id"),
  addressing: z.enum(["lid", "pn"]).optional(),
  audience: z
    .array(Address)
    .optional()
    .describe("Who sees the status post, or who is in the broadcast list. Set it only if `to` ends with `@broadcast`"),
  withheld: z
    .enum(withheldForms)
    .optional()
    .describe("What linked devices get instead of the content: `<unavailable>` of this type, or an unknown encryption"),
};
export const SendText = z.object({
  ...Send,
  text: z.string(),
  quote: z.string().optional().describe("Id of a message in the inbox"),
  mentions: z.array(z.string()).optional().describe("JIDs of the mentioned accounts"),
});
export const SendMedia = z.object({
  ...Send,
  kind: z.enum(["image", "video", "ptv", "audio", "document", "sticker"]),
  data: z.base64().describe("Content of the file"),
  mimetype: z.string().optional(),
  caption: z.string().optional(),
  fileName: z.string().optional(),
  ptt: z.boolean().optional().describe("Whether the audio is a voice note"),
});
export const SendMessage = z.object({
  ...Send,
  type: z.enum(["text", "media", "reaction", "poll", "event"]).default("text").describe("Type of the stanza"),
  message: z
    .record(z.string(), z.unknown())
    .describe(
      "Any `proto.Message` as JSON: enums by name or number, bytes in Base64, 64-bit numbers as text or number",
    ),
  files: z
    .array(
      z.object({
        at: z
          .array(z.union([z.string(), z.number().int().min(0)]))
          .min(1)
          .describe(
            "Where the file belongs in the message, such as `templateMessage`, `hydratedTemplate`, `imageMessage`",
          ),
        kind: z.enum(["image", "video", "ptv", "audio", "document", "sticker"]),
        data: z.base64().describe("Content of the file"),
        mimetype: z.string().optional(),
      }),
    )
    .default([])
    .describe("Files to encrypt and store on the media host"),
});
const AnyMessage = z.string().describe("Id of a message that the phone sent or received");
const Sealed = z
  .boolean()
  .default(false)
  .describe("Encrypt it with the secret of the message, as WhatsApp's apps do since 2026");
export const React = z.object({ message: AnyMessage, emoji: z.string(), sealed: Sealed });
export const Comment = z.object({ message: AnyMessage, text: z.string().min(1) });
export const Pin = z.object({
  message: AnyMessage,
  seconds: z
    .union([z.literal(0), ...PIN_SECONDS.map((seconds) => z.literal(seconds))])
    .default(PIN_SECONDS[0])
    .describe("How long the message stays pinned; 0 removes the pin"),
});
export const Keep = z.object({ message: AnyMessage, kept: z.boolean().default(true) });
const Sent = z.string().describe("Id of a message that the phone sent");
export const Edit = z.object({ message: Sent, text: z.string(), sealed: Sealed });
export const Revoke = z.object({
  message: z.string().describe("Id of a message that the phone sent or, as an admin of the group, received"),
});
export const SendPoll = z.object({
  ...Send,
  question: z.string(),
  options: z.array(z.string()).min(2),
  selectable: z.number().int().min(0).default(1).describe("How many options a person may choose; 0 means any number"),
});
export const SendEvent = z.object({
  ...Send,
  name: z.string(),
  description: z.string().optional(),
  location: z.string().optional(),
  startTime: z.number().int().describe("Seconds since the epoch"),
  endTime: z.number().int().optional(),
  extraGuestsAllowed: z.boolean().optional(),
});
const Survey = z.string().describe("Id of a poll or calendar event that the phone sent or received");
export const Vote = z.object({
  message: Survey,
  options: z.array(z.string()).describe("An empty list withdraws the vote"),
});
export const AnswerEvent = z.object({
  message: Survey,
  answer: z.enum(["going", "notGoing", "maybe"]),
  guests: z.number().int().min(0).default(0),
});
export const SetTimer = z.object({
  ...Send,
  seconds: z.number().int().min(0).describe("Seconds after which messages disappear; 0 means never"),
});
export const SetTyping = z.object({ to: Address, state: z.enum(["composing", "recording", "paused"]) });
export const Read = z.object({ messages: z.array(z.string()).min(1).describe("Ids of messages in the inbox") });
export const FreeReceipt = z.object({
  to: z.string().min(1).describe("JID of the author's device, of a group, or status@broadcast"),
  id: z.string().min(1),
  type: z.enum(["delivered", "read", "played", "retry"]),
  participant: z.string().min(1).optional().describe("JID of the author's device, in a group or for a status post"),
  count: z.number().int().min(1).optional().describe("Number of the request, for retry"),
});
export const NewGroup = z.object({ subject: z.string().min(1), members: z.array(Address).min(1) });

const Fate = {
  edited: z.boolean(),
  deleted: z.boolean().describe("Deleted for everyone"),
  pinned: z.boolean(),
  kept: z.boolean().describe("Kept although the messages of its chat disappear"),
  reactions: z.array(z.object({ from: z.string(), emoji: z.string() })),
  responses: z
    .array(z.object({ from: z.string(), choices: z.array(z.string()), guests: z.number().int(), at: z.number() }))
    .describe("The latest answer of each person to a poll or calendar event"),
};

export const MessageView = z.object({
  id: z.string(),
  chat: z.string(),
  from: z.string(),
  fromLid: z.string(),
  fromDevice: z.number().int(),
  fromMe: z.boolean(),
  pushName: z.string().optional(),
  timestamp: z.number().int().describe("Seconds since the epoch"),
  addressing: z.enum(["pn", "lid"]),
  kind: z.string(),
  text: z.string().optional(),
  media: z
    .object({
      kind: z.string(),
      mimetype: z.string(),
      fileName: z.string().optional(),
      fileLength: z.number().int(),
      ptt: z.boolean(),
      seconds: z.number().optional(),
    })
    .optional(),
  refersTo: z
    .string()
    .optional()
    .describe("Id of the message that this one quotes, answers, reacts to, edits or deletes"),
  quotes: z.object({ id: z.string(), from: z.string().optional(), text: z.string().optional() }).optional(),
  mentions: z.array(z.string()),
  expiration: z.number().int().optional().describe("Seconds after which the message disappears; 0 means never"),
  poll: z.object({ question: z.string(), options: z.array(z.string()), selectable: z.number().int() }).optional(),
  event: z
    .object({
      name: z.string(),
      description: z.string().optional(),
      location: z
        .object({
          name: z.string().optional(),
          address: z.string().optional(),
          latitude: z.number(),
          longitude: z.number(),
        })
        .optional(),
      startTime: z.number().int(),
      endTime: z.number().int().optional(),
      canceled: z.boolean(),
      extraGuestsAllowed: z.boolean(),
    })
    .optional(),
  ...Fate,
  copies: z.number().int().describe("Number of times that the message arrived"),
  receivedAt: z.number().describe("Milliseconds since the epoch"),
  read: z.boolean(),
});

export const Inbox = z.object({ messages: z.array(MessageView), next: z.number().int() });
export const InboxQuery = z.object({
  after: z.coerce
    .number()
    .int()
    .min(0)
    .default(0)
    .describe("Number of messages to skip: `next` of the previous response"),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});
export const WaitQuery = z.object({
  text: z.string().optional(),
  contains: z.string().optional(),
  from: z.string().optional(),
  chat: z.string().optional(),
  kind: z.string().optional(),
  id: z.string().optional(),
  timeoutMs: TimeoutMs,
});

export const SentView = z.object({
  id: z.string(),
  to: z.string(),
  status: z.enum(["sent", "delivered", "read", "played", "failed"]),
  error: z.number().int().optional(),
  retries: z.number().int(),
  text: z.string().optional().describe("The new text of an edited message"),
  ...Fate,
  receipts: z.array(z.object({ from: z.string(), device: z.number().int(), type: z.string(), at: z.number() })),
});
export const TypingView = z.object({
  chat: z.string(),
  from: z.string(),
  state: z.enum(["composing", "recording", "paused"]),
  at: z.number(),
});
export const SentQuery = z.object({
  status: z
    .enum(["delivered", "read", "played"])
    .optional()
    .describe("Wait until the message has at least this status"),
  timeoutMs: TimeoutMs,
});

export const GroupView = z.object({
  jid: z.string(),
  subject: z.string(),
  createdAt: z.number().int(),
  kind: z
    .enum(["group", "community", "announcements", "general"])
    .describe("`announcements` and `general` are the groups that WhatsApp creates with a community"),
  community: z.string().optional().describe("JID of the community that contains the group"),
  description: z.string().optional(),
  picture: z.boolean(),
  inviteCode: z.string().describe("The part of the invite link after https://chat.whatsapp.com/"),
  requests: z.array(z.string()).describe("JIDs of the people who ask to join"),
  members: z.array(z.object({ jid: z.string(), lid: z.string(), role: z.enum(["superadmin", "admin", "member"]) })),
});

const Code = z.object({ code: z.number().int(), times: Times });
export const DeviceFaults = z.object({
  cut: z.literal(true).optional().describe("Drop the socket without a close frame"),
  silence: z
    .object({ ms: z.number().int().min(1).max(600_000), after: z.enum(["cut", "resume"]) })
    .optional()
    .describe(
      "Hold all data back for `ms` milliseconds. Then drop the data and the socket (`cut`), or deliver the data (`resume`)",
    ),
  slow: z.number().int().min(0).max(60_000).optional().describe("Delay in milliseconds, in each direction"),
  ack: Code.optional().describe("Reject the next messages with this code, for example 463 or 429"),
  unacknowledged: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe("Drop this many of the next messages from the device without an ack, each time that they are sent"),
  login: Code.optional().describe("Fail the next logins with this code, for example 503"),
  iq: Code.extend({ xmlns: z.string().optional() })
    .optional()
    .describe("Fail the next `iq` requests with this code. With `xmlns`, only requests of that namespace fail"),
  corruptOut: z.number().int().min(1).optional().describe("Damage this many of the next messages from the device"),
  corruptIn: z.number().int().min(1).optional().describe("Damage this many of the next messages to the device"),
});

export const PasskeyRequest = z.looseObject({ challenge: z.string(), rpId: z.string() });
export const PasskeyAnswer = z.object({
  id: z.string(),
  rawId: z.string(),
  type: z.string(),
  response: z.object({
    clientDataJSON: z.string(),
    authenticatorData: z.string(),
    signature: z.string(),
    userHandle: z.string().nullable(),
  }),
});

const Failure = z.object({
  reason: z.number().int().min(400).max(599).describe("For example 402 (temporary ban), 403 (locked) or 406 (banned)"),
  expire: z.number().int().min(0).optional().describe("For 402: seconds until the end of the ban"),
  code: z.number().int().optional().describe("For 402: the cause, for example 101"),
  header: z.string().optional().describe("For 403: `logout_message_header`"),
  subtext: z.string().optional().describe("For 403: `logout_message_subtext`"),
});
export const LoginFailures = z.object({
  login: Failure.extend({ times: Times }).optional().describe("Refuse the next logins of the linked devices"),
  linkCode: Code.optional().describe("Refuse the next requests for a linking code, for example with 429"),
  now: Failure.optional().describe("End the open connections of the linked devices"),
  ban: z
    .object({ seconds: z.number().int().min(1), code: z.number().int().default(101) })
    .optional()
    .describe("End the open connections with 402, and refuse all logins until the ban ends"),
});

export const Queue = z.object({
  kept: z.array(z.object({ tag: z.string(), attrs: z.record(z.string(), z.string()) })),
});
export const Problem = z.object({ error: z.string() });
