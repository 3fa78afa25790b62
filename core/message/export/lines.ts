import type { HistoryMessage } from "../history.ts";

/** A message of an export, and the name of the chat's other people. */
export interface ExportedMessage extends HistoryMessage {
  /** The name of the sender in the contacts. */
  name: string | null;
}

/** Returns a link to the file of a message, or null if it has none. */
export type LinkToFile = (message: Pick<HistoryMessage, "instanceId" | "media">) => string | null;

/** The message as a line of JSON. */
export const jsonLine = (message: ExportedMessage, linkToFile: LinkToFile | null): string =>
  JSON.stringify(exportedFields(message, linkToFile));

/** What an export has of a message. Fields may be added. */
export function exportedFields(message: ExportedMessage, linkToFile: LinkToFile | null): Record<string, unknown> {
  const { media } = message;
  return {
    instanceId: message.instanceId,
    messageId: message.waId,
    chatId: message.chatId,
    fromMe: message.fromMe,
    from: message.senderId || null,
    fromLid: message.senderLid,
    name: message.name ?? message.pushName,
    type: message.type,
    body: message.body,
    content: message.content,
    context: message.context,
    media: media && {
      mimetype: media.mimetype,
      filename: media.filename,
      size: media.size,
      sha256: media.sha256,
      state: media.state,
      url: linkToFile?.(message) ?? null,
    },
    status: message.status,
    error: message.error,
    timestamp: message.sentAt,
    deliveredAt: message.deliveredAt,
    readAt: message.readAt,
    editedAt: message.editedAt,
    deletedAt: message.deletedAt,
    reactions: message.reactions.map(({ reactedAt, ...reaction }) => ({
      ...reaction,
      reactedAt: new Date(reactedAt).toISOString(),
    })),
  };
}

/**
 * The message as a line for people. Line breaks of a text are indented, so that a text can't look like the message of
 * somebody else.
 */
export function textLine(message: ExportedMessage, linkToFile: LinkToFile | null): string {
  const { sentAt, media } = message;
  const sender = message.fromMe ? "You" : (message.name ?? message.pushName ?? message.senderId.replace(/@.*/, ""));
  const url = media && linkToFile?.(message);
  const file = media && `<${[message.type, oneLine(media.filename ?? ""), url ?? ""].filter(Boolean).join(" ")}>`;
  const text = [message.type === "text" || media ? "" : `<${message.type}>`, file ?? "", message.body]
    .filter(Boolean)
    .join(" ");
  const notes = [message.deletedAt ? "deleted" : "", message.editedAt ? "edited" : "", failed(message)].filter(Boolean);
  const suffix = notes.length > 0 ? ` (${notes.join(", ")})` : "";
  return `[${sentAt.toISOString().slice(0, 19).replace("T", " ")} UTC] ${oneLine(sender)}: ${indented(text)}${suffix}`;
}

const failed = ({ status }: ExportedMessage) => (status === "failed" || status === "canceled" ? status : "");
const lineBreaks = /\r\n|[\n\r\u0085\u2028\u2029]/g;
const oneLine = (text: string) => text.replace(lineBreaks, " ");
const indented = (text: string) => text.replace(lineBreaks, "\n    ");
