import { generateWAMessage } from "@whiskeysockets/baileys";
import type { CommandInput } from "../../core/command/catalog/index.ts";
import { isChannelJid } from "../../core/message/recipient.ts";
import { newsletterUpload } from "../baileys/newsletter-send.ts";
import type { MediaSource, StagedFile } from "../media/stage.ts";
import { contextOf, type SaidBesides } from "./context.ts";
import { generationOptions, resolveRecipient } from "./message.ts";
import type { PreparedMessage, SendContext } from "./types.ts";

export async function sendMedia(
  context: SendContext,
  input: CommandInput<"message.sendMedia">,
): Promise<PreparedMessage> {
  const jid = await resolveRecipient(context.sock, input.to);
  // Before the file: what is quoted may not be there.
  const said = await contextOf(context, jid, input);
  return await sendFile(context, jid, said, input);
}

/** The message with this file in it, which is in the bucket and at WhatsApp then. */
export async function sendFile(
  context: SendContext,
  jid: string,
  said: SaidBesides,
  input: MediaSource & { caption?: string | undefined; filename?: string | undefined },
): Promise<PreparedMessage> {
  const { instanceId, waId, media } = context;
  const file = await media.stage(instanceId, waId, input);
  try {
    const filename = input.filename ?? file.filename;
    const { message } = await generateWAMessage(
      jid,
      { ...contentOf(file, filename, input.caption), ...said.content },
      {
        ...generationOptions(context),
        ...(isChannelJid(jid) ? { upload: newsletterUpload(context.sock) } : {}),
        ...said.options,
      },
    );
    return {
      jid,
      message: message ?? {},
      type: file.kind,
      protoType: `${file.kind}Message`,
      media: {
        mimetype: file.mimetype,
        filename,
        size: file.size,
        sha256: file.sha256,
        storageKey: file.storageKey,
        state: "stored",
        error: null,
        source: null,
      },
      context: said.context,
    };
  } finally {
    await file.release();
  }
}

type Content = Parameters<typeof generateWAMessage>[1];

function contentOf(file: StagedFile, fileName: string, caption: string | undefined): Content {
  const { kind, mimetype, seconds, width, height } = file;
  const common = { mimetype, ...(caption === undefined ? {} : { caption }) };
  const upload = { url: file.path };
  switch (kind) {
    case "image":
      return { image: upload, ...common, ...picture(file) };
    case "video":
      return { video: upload, ...common, ...picture(file), ...(seconds === undefined ? {} : { seconds }) };
    case "audio": {
      // Null keeps Baileys from reading the whole file for one.
      const waveform = file.waveform ?? null;
      const audio = { audio: upload, mimetype, ptt: file.voice, waveform };
      return seconds === undefined ? audio : { ...audio, seconds };
    }
    case "document":
      return { document: upload, ...common, fileName };
  }
  function picture({ thumbnail }: StagedFile) {
    // Null keeps Baileys from making one: it would run ffmpeg through a shell, without a limit.
    const jpegThumbnail = (thumbnail?.toString("base64") ?? null) as string;
    return { jpegThumbnail, ...(width && height ? { width, height } : {}) };
  }
}
