import * as z from "zod";
import { uploadId } from "../../media/index.ts";
import { messageId } from "../../message/id.ts";
import { assertPostable, maxAudience, type PostRequest, statusChat } from "../../message/status.ts";
import { person } from "./contact.ts";
import { defineCommand, type PrecheckContext } from "./define.ts";
import { sent } from "./message/fields.ts";

const errors = ["conflict", "recipient_not_on_whatsapp", "whatsapp_error"] as const;

/** Of every post. */
const post = {
  statusJidList: z
    .array(person)
    .min(1)
    .max(maxAudience)
    .optional()
    .meta({
      description: `Who sees it, phone numbers or JIDs, ${maxAudience} at most. Without it: whoever is in the owner's address book and not blocked`,
    }),
  id: z
    .string()
    .regex(/^3EB0[0-9A-F]{18}$/, "must be an id as new-message-id answers it")
    .optional()
    .meta({ description: "WhatsApp's id that the post shall have, as new-message-id answers it; used only once" }),
};

const checkPostable = ({ db, instanceId }: PrecheckContext, input: PostRequest) =>
  assertPostable(db, instanceId, input);

/** As much as WhatsApp's own apps let one write. */
const maxStatusText = 700;

/** WhatsApp's fonts of text posts, by its own numbers (`ExtendedTextMessage.FontType`); others show as 0. */
export const fonts = [0, 1, 2, 6, 7, 8, 9, 10] as const;

export const sendText = defineCommand({
  name: "status.sendText",
  kind: "send",
  summary: "Post a text as a status",
  input: z.object({
    text: z.string().trim().min(1).max(maxStatusText),
    /** What the text stands on. */
    backgroundColor: z
      .string()
      .regex(/^#[0-9A-Fa-f]{6}$/, "must be a color as #25D366")
      .default("#25D366"),
    font: z.literal(fonts).default(1),
    ...post,
  }),
  output: sent,
  errors,
  precheck: checkPostable,
  preview: ({ text: body, id: messageId }) => ({
    to: statusChat,
    type: "text",
    protoType: "extendedTextMessage",
    body,
    messageId,
  }),
});

export const statusKinds = ["image", "video", "audio"] as const;

export const sendMedia = defineCommand({
  name: "status.sendMedia",
  kind: "send",
  summary: "Post a picture, a film or a voice note as a status",
  input: z
    .object({
      url: z
        .url({ protocol: /^https?$/ })
        .max(2048)
        .optional(),
      /** In place of `url`: a file that was uploaded for this instance, see `core/media/upload.ts`. */
      upload: uploadId.optional(),
      /** Audio is a voice note: what is not Ogg/Opus is converted. */
      kind: z.enum(statusKinds),
      caption: z.string().max(maxStatusText).optional(),
      ...post,
    })
    .refine((input) => (input.url === undefined) !== (input.upload === undefined), "give either a URL or an upload")
    .refine((input) => input.kind !== "audio" || input.caption === undefined, "a voice note has no caption"),
  output: sent,
  errors: [...errors, "url_not_allowed", "media_not_usable", "not_supported"],
  precheck: checkPostable,
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
  summary: "Delete a status of ours at everybody whom it went to",
  input: z.object({ messageId }),
  output: z.object({}),
  errors: ["message_not_found", "conflict", "whatsapp_error"],
  repeatable: true,
});
