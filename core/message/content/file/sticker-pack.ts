import * as z from "zod";
import { defineContent } from "../define.ts";
import { firstText } from "../parts.ts";

export const stickerPack = defineContent({
  kind: "stickerPack",
  summary: "A pack of stickers that a person shares",
  schema: z.object({
    kind: z.literal("stickerPack"),
    packId: z.string(),
    name: z.string(),
    publisher: z.string(),
    description: z.string().nullable(),
    caption: z.string(),
    origin: z.enum(["whatsapp", "thirdParty", "user"]).nullable(),
    /** Bytes. */
    size: z.number().int().nullable(),
    stickers: z.array(
      z.object({
        fileName: z.string(),
        mimetype: z.string().nullable(),
        emojis: z.array(z.string()),
        isAnimated: z.boolean(),
        isLottie: z.boolean(),
      }),
    ),
  }),
  text: ({ caption, name, publisher }) => firstText(caption, name, publisher, "Sticker pack"),
  protobuf: ({ packId, name, publisher, caption, stickers }) => ({
    stickerPackId: packId,
    name,
    publisher,
    caption,
    stickers: stickers.map(({ fileName, emojis }) => ({ fileName, emojis })),
  }),
});
