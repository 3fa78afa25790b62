import * as z from "zod";
import { uploadId } from "../../media/index.ts";
import { messageId } from "../../message/id.ts";
import { assertStatusAllowed, maxAudience, type StatusRequest, statusChat } from "../../message/status.ts";
import { person } from "./contact.ts";
import { defineCommand, type PrecheckContext } from "./define.ts";
import { sent } from "./message/fields.ts";

const errors = ["conflict", "recipient_not_on_whatsapp", "whatsapp_error"] as const;

/** The fields of every status post. */
const postFields = {
  statusJidList: z
    .array(person)
    .min(1)
    .max(maxAudience)
    .optional()
    .meta({
      description: `Who can see the post: at most ${maxAudience} phone numbers or JIDs. By default, everyone in the address book of the account who is not blocked`,
    }),
  id: z
    .string()
    .regex(/^3EB0[0-9A-F]{18}$/, "must be an id that new-message-id returned")
    .optional()
    .meta({
      description: "The WhatsApp message id for the post, as returned by new-message-id. Each id can be used once",
    }),
};

const posted = sent.extend({
  /** JIDs of the people who should see the post, but have no LID, by which WhatsApp addresses status posts. */
  skipped: z.array(z.string()).optional(),
});

const checkStatus = ({ db, instanceId }: PrecheckContext, input: StatusRequest) =>
  assertStatusAllowed(db, instanceId, input);

/** Characters. The limit of WhatsApp's apps. */
const maxStatusText = 700;

/** WhatsApp's numbers of the fonts for text posts (`ExtendedTextMessage.FontType`). Other numbers show as 0. */
const fonts = [0, 1, 2, 6, 7, 8, 9, 10] as const;

export const sendText = defineCommand({
  name: "status.sendText",
  kind: "send",
  summary: "Send a text as a status post",
  input: z.object({
    text: z.string().trim().min(1).max(maxStatusText),
    /** As `#RRGGBB`. */
    backgroundColor: z
      .string()
      .regex(/^#[0-9A-Fa-f]{6}$/, "must be a color such as #25D366")
      .default("#25D366"),
    font: z.literal(fonts).default(1),
    ...postFields,
  }),
  output: posted,
  errors,
  precheck: checkStatus,
  preview: ({ text: body, id: messageId }) => ({
    to: statusChat,
    type: "text",
    protoType: "extendedTextMessage",
    body,
    messageId,
  }),
});

const statusKinds = ["image", "video", "audio"] as const;

export const sendMedia = defineCommand({
  name: "status.sendMedia",
  kind: "send",
  summary: "Post an image, a video or a voice note as a status",
  input: z
    .object({
      url: z
        .url({ protocol: /^https?$/ })
        .max(2048)
        .optional(),
      /** Instead of `url`: a file that was uploaded for this instance. See `core/media/upload.ts`. */
      upload: uploadId.optional(),
      /** Audio is posted as a voice note. Audio other than Ogg/Opus is converted. */
      kind: z.enum(statusKinds),
      /** Whether a video plays like a GIF: silently, and again and again. GIF files always do. */
      gif: z.boolean().optional(),
      caption: z.string().max(maxStatusText).optional(),
      ...postFields,
    })
    .refine((input) => (input.url === undefined) !== (input.upload === undefined), "give either a URL or an upload")
    .refine((input) => !input.gif || input.kind === "video", { path: ["gif"], message: "only for the kind video" })
    .refine((input) => input.kind !== "audio" || input.caption === undefined, "a voice note cannot have a caption"),
  output: posted,
  errors: [...errors, "url_not_allowed", "media_not_usable", "not_supported"],
  precheck: checkStatus,
  preview: ({ kind, caption = "", id: messageId }) => ({
    to: statusChat,
    type: kind,
    protoType: `${kind}Message`,
    body: caption,
    messageId,
  }),
});

export const remove = defineCommand({
  name: "status.delete",
  kind: "mutate",
  summary: "Delete your own status for everyone who received it",
  input: z.object({ messageId }),
  output: z.object({}),
  errors: ["message_not_found", "conflict", "whatsapp_error"],
  repeatable: true,
});
