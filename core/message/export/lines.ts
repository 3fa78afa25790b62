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
 * The message as a line for people: `[time] sender (notes) <file>: text`. Up to the first colon with a space, the line has
 * only what the gateway says, in which no name and no file name can imitate another sender. Further lines of the text are
 * indented, so that a text can't look like a message of somebody else.
 */
export function textLine(message: ExportedMessage, linkToFile: LinkToFile | null): string {
  const { sentAt, media } = message;
  const url = media && linkToFile?.(message);
  const file = media && `<${[message.type, cleanName(media.filename ?? ""), url ?? ""].filter(Boolean).join(" ")}>`;
  const notes = [message.deletedAt ? "deleted" : "", message.editedAt ? "edited" : "", failed(message)].filter(Boolean);
  const head = [
    `[${sentAt.toISOString().slice(0, 19).replace("T", " ")} UTC]`,
    message.fromMe ? "You" : senderOf(message),
    notes.length > 0 ? `(${notes.join(", ")})` : "",
    file ?? (message.type === "text" ? "" : `<${message.type}>`),
  ];
  return `${head.filter(Boolean).join(" ")}:${message.body && ` ${cleanText(message.body)}`}`;
}

const failed = ({ status }: ExportedMessage) => (status === "failed" || status === "canceled" ? status : "");

/**
 * The name and the number or LID, which the sender can't choose. The name in the contacts has them too, because it can be
 * the title of a chat in the history of the phone, which the other person chose.
 */
function senderOf({ name, pushName, senderId, chatId }: ExportedMessage): string {
  const [user = "", server] = (senderId || chatId).split("@");
  const address = server === "s.whatsapp.net" ? `+${user}` : server === "lid" ? `LID ${user}` : `${user}@${server}`;
  const shown = cleanName(name ?? pushName ?? "");
  return shown ? `${shown} (${address})` : address;
}

/** Characters like a colon that the compatibility form (NFKC) keeps. */
const colons = /[:\u02d0\u02f8\u0589\u05c3\u0703\u0704\u16ec\u205a\u2236\ua789]/gu;
/** Control and format characters, such as changes of direction, line breaks, and brackets. */
const unsuitable = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Ps}\p{Pe}<>]/gu;

/** A name that somebody else chose, in one line and without what separates the parts of a line. */
const cleanName = (name: string) =>
  name.normalize("NFKC").replace(colons, " ").replace(unsuitable, " ").replace(/\s+/gu, " ").trim();

/** Changes of direction that last until the end of a paragraph. They would reorder what a line shows. */
const directions = /[\u202a-\u202e\u2066-\u2069]/gu;
/** The characters that a program may read as the end of a line. */
const lineBreaks = new Set("\n\v\f\r\u001c\u001d\u001e\u0085\u2028\u2029");

/** A text without the characters that control a terminal or the direction. Its further lines are indented. */
const cleanText = (text: string) =>
  text
    .replaceAll("\r\n", "\n")
    .replace(directions, "")
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, (control) =>
      lineBreaks.has(control) ? "\n    " : control === "\t" ? control : "\ufffd",
    );
