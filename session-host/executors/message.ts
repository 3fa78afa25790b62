import { generateWAMessage, type WASocket } from "@whiskeysockets/baileys";
import type { CommandInput } from "../../core/command/catalog.ts";
import { AppError } from "../../core/error.ts";
import { isGroupJid, isLidJid } from "../../core/message/recipient.ts";
import type { ConnectedContext, PreparedMessage } from "./index.ts";

type SendContext = ConnectedContext & { waId: string };

export async function sendText(
  context: SendContext,
  input: CommandInput<"message.sendText">,
): Promise<PreparedMessage> {
  const jid = await resolveRecipient(context.sock, input.to);
  // No link preview: to fetch what a caller's text links to is the caller's decision, not a side effect.
  const { message } = await generateWAMessage(jid, { text: input.text, linkPreview: null }, generationOptions(context));
  return { jid, message: message ?? {}, type: "text", protoType: "extendedTextMessage", media: null };
}

export async function sendMedia(
  context: SendContext,
  input: CommandInput<"message.sendMedia">,
): Promise<PreparedMessage> {
  const jid = await resolveRecipient(context.sock, input.to);
  const { instanceId, waId, media } = context;
  const file = await media.stageFromUrl(instanceId, waId, input.url);
  try {
    const kind = input.kind ?? file.kind;
    if (kind !== "document" && kind !== file.kind) {
      throw new AppError("media_not_usable", `the file is ${file.mimetype}, which WhatsApp does not show as ${kind}`);
    }
    const filename = input.filename ?? file.filename;
    const caption = input.caption === undefined ? {} : { caption: input.caption };
    const upload = { url: file.path };
    const content =
      kind === "image"
        ? { image: upload, mimetype: file.mimetype, ...caption }
        : kind === "video"
          ? { video: upload, mimetype: file.mimetype, ...caption }
          : kind === "audio"
            ? { audio: upload, mimetype: file.mimetype }
            : { document: upload, mimetype: file.mimetype, fileName: filename, ...caption };
    const { message } = await generateWAMessage(jid, content, generationOptions(context));
    return {
      jid,
      message: message ?? {},
      type: kind,
      protoType: `${kind}Message`,
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
    };
  } finally {
    await file.release();
  }
}

function generationOptions({ sock, waId }: SendContext) {
  return { userJid: sock.user?.id ?? "", messageId: waId, upload: sock.waUploadToServer };
}

/**
 * WhatsApp's own JID for whom the caller means: some countries' numbers are written in two ways, and WhatsApp knows only
 * one. A number that was ever answered is in the session's LID mapping and is not asked for again.
 */
async function resolveRecipient(sock: WASocket, to: string): Promise<string> {
  if (isGroupJid(to) || isLidJid(to)) return to;
  if (await sock.signalRepository.lidMapping.getLIDForPN(to)) return to;
  const [answer] = (await sock.onWhatsApp(to)) ?? [];
  if (!answer?.exists) throw new AppError("recipient_not_on_whatsapp", `${to.split("@")[0]} is not on WhatsApp`);
  return answer.jid;
}
