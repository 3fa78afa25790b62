import { type CommandInput, commandCatalog } from "../command/catalog/index.ts";
import { AppError } from "../error.ts";
import { toJid } from "../message/recipient.ts";

export interface BulkRecipient {
  /** The recipient, as the caller wrote it. */
  phone: string;
  /** The recipient's own text, sent unchanged instead of the shared text. */
  message?: string | undefined;
  /** Values for the placeholders of the shared text. */
  variables?: Record<string, string> | undefined;
}

export type BulkMedia = Omit<CommandInput<"message.sendMedia">, "to" | "quoted" | "mentions">;

export interface BulkContent {
  recipients: readonly BulkRecipient[];
  /** The shared text. `{{name}}` is replaced by the recipient's variable of that name. */
  message?: string | undefined;
  /** A file for all recipients, with the text as its caption. Fields of the command `message.sendMedia`. */
  media?: BulkMedia | undefined;
}

/** A message of a bulk, as the input of its command. */
export interface Planned {
  index: number;
  input: CommandInput<"message.sendText" | "message.sendMedia">;
}

/** A rejected recipient, with the reason. */
export interface Rejected {
  index: number;
  phone: string;
  error: string;
}

export const maxRecipients = 10_000;
/**
 * Bytes of all texts together. Each message is a separate row, so a long text for many recipients takes much space.
 */
const maxBytes = 32 * 1024 * 1024;

export const bulkCommand = (content: BulkContent) => (content.media ? "message.sendMedia" : "message.sendText");

/**
 * Plans the messages of a bulk. An invalid or repeated recipient is rejected, and the others are accepted. Throws
 * `invalid_request` if no recipient is left, or the texts are too long.
 */
export function planBulk(content: BulkContent): { planned: Planned[]; rejected: Rejected[] } {
  const schema = commandCatalog[bulkCommand(content)].input;
  const planned: Planned[] = [];
  const rejected: Rejected[] = [];
  const indexes = new Map<string, number>();
  let bytes = 0;
  for (const [index, recipient] of content.recipients.entries()) {
    const reject = (error: string) => rejected.push({ index, phone: recipient.phone, error });
    const to = toJid(recipient.phone);
    if (!to) {
      reject("phone: must be an international phone number or a WhatsApp JID");
      continue;
    }
    const earlier = indexes.get(to);
    if (earlier !== undefined) {
      reject(`phone: repeats recipient ${earlier}`);
      continue;
    }
    const text = textFor(content, recipient);
    if ("missing" in text) {
      reject(`variables: ${text.missing} is missing`);
      continue;
    }
    const { value } = text;
    const input = content.media ? { ...content.media, to, caption: value || undefined } : { to, text: value ?? "" };
    const parsed = schema.safeParse(input);
    if (!parsed.success) {
      reject(parsed.error.issues.map(({ path, message }) => `${fieldOf(path)}: ${message}`).join("; "));
      continue;
    }
    indexes.set(to, index);
    bytes += Buffer.byteLength(value ?? "");
    planned.push({ index, input: parsed.data });
  }
  if (planned.length === 0) {
    throw new AppError("invalid_request", `recipients: all are rejected, the first because of ${rejected[0]?.error}`);
  }
  if (bytes > maxBytes) {
    throw new AppError("invalid_request", `message: all texts together exceed ${maxBytes} bytes; create several bulks`);
  }
  return { planned, rejected };
}

/** Returns the caller's name for a field of the command. */
const fieldOf = (path: readonly PropertyKey[]) => (path[0] === "text" ? "message" : path.join(".") || "media");

const placeholder = /\{\{\s*([\p{L}\p{N}_.-]{1,64})\s*\}\}/gu;

/** Returns the text for a recipient. Placeholders in the recipient's own text stay, because it may contain braces. */
function textFor(content: BulkContent, recipient: BulkRecipient): { value: string | undefined } | { missing: string } {
  if (recipient.message !== undefined) return { value: recipient.message };
  const shared = content.media?.caption ?? content.message;
  const variables = new Map(Object.entries(recipient.variables ?? {}));
  const missing = [...(shared ?? "").matchAll(placeholder)].find(([, name]) => !variables.has(name ?? ""))?.[1];
  if (missing !== undefined) return { missing };
  return { value: shared?.replaceAll(placeholder, (_all, name: string) => variables.get(name) ?? "") };
}
