import { type CommandInput, commandCatalog } from "../command/catalog/index.ts";
import { AppError } from "../error.ts";
import { toJid } from "../message/recipient.ts";

export interface BulkRecipient {
  /** As its caller wrote it. */
  phone: string;
  /** In place of the text for all; taken as it is. */
  message?: string | undefined;
  /** For the placeholders of the text for all. */
  variables?: Record<string, string> | undefined;
}

export type BulkMedia = Omit<CommandInput<"message.sendMedia">, "to" | "quoted" | "mentions">;

export interface BulkContent {
  recipients: readonly BulkRecipient[];
  /** For all. `{{name}}` stands for a recipient's variable of that name. */
  message?: string | undefined;
  /** What goes to all, with the text as its caption: fields of the command `message.sendMedia`. */
  media?: BulkMedia | undefined;
}

/** One message of a bulk: the input of a command. */
export interface Planned {
  index: number;
  input: CommandInput<"message.sendText" | "message.sendMedia">;
}

/** A recipient that can get nothing, with the reason. */
export interface Rejected {
  index: number;
  phone: string;
  error: string;
}

export const maxRecipients = 10_000;
/** Each message is a row of its own, so a long text for many is many long texts. Bytes of all together. */
const maxBytes = 32 * 1024 * 1024;

export const bulkCommand = (content: BulkContent) => (content.media ? "message.sendMedia" : "message.sendText");

/**
 * Who gets what. A recipient that cannot get anything, or comes a second time, is rejected alone. Throws
 * `invalid_request` when nobody is left, and when it is too much for one bulk.
 */
export function planBulk(content: BulkContent): { planned: Planned[]; rejected: Rejected[] } {
  const schema = commandCatalog[bulkCommand(content)].input;
  const planned: Planned[] = [];
  const rejected: Rejected[] = [];
  const first = new Map<string, number>();
  let bytes = 0;
  for (const [index, recipient] of content.recipients.entries()) {
    const reject = (error: string) => rejected.push({ index, phone: recipient.phone, error });
    const to = toJid(recipient.phone);
    if (!to) {
      reject("phone: must be an international phone number or a WhatsApp JID");
      continue;
    }
    const twin = first.get(to);
    if (twin !== undefined) {
      reject(`phone: the same recipient as number ${twin}`);
      continue;
    }
    const text = textFor(content, recipient);
    if ("missing" in text) {
      reject(`variables: there is no ${text.missing}`);
      continue;
    }
    const { value } = text;
    const input = content.media ? { ...content.media, to, caption: value || undefined } : { to, text: value ?? "" };
    const parsed = schema.safeParse(input);
    if (!parsed.success) {
      reject(parsed.error.issues.map(({ path, message }) => `${fieldOf(path)}: ${message}`).join("; "));
      continue;
    }
    first.set(to, index);
    bytes += Buffer.byteLength(value ?? "");
    planned.push({ index, input: parsed.data });
  }
  if (planned.length === 0) {
    throw new AppError(
      "invalid_request",
      `recipients: none can get it, the first for this reason: ${rejected[0]?.error}`,
    );
  }
  if (bytes > maxBytes) {
    throw new AppError(
      "invalid_request",
      `message: all texts together are more than ${maxBytes} bytes; make several bulks`,
    );
  }
  return { planned, rejected };
}

/** What the caller calls the fields of the commands. */
const fieldOf = (path: readonly PropertyKey[]) => (path[0] === "text" ? "message" : path.join(".") || "media");

const placeholder = /\{\{\s*([\p{L}\p{N}_.-]{1,64})\s*\}\}/gu;

/** A recipient's own text is taken as it is: it may well have braces of its own. */
function textFor(content: BulkContent, recipient: BulkRecipient): { value: string | undefined } | { missing: string } {
  if (recipient.message !== undefined) return { value: recipient.message };
  const shared = content.media?.caption ?? content.message;
  const variables = new Map(Object.entries(recipient.variables ?? {}));
  const missing = [...(shared ?? "").matchAll(placeholder)].find(([, name]) => !variables.has(name ?? ""))?.[1];
  if (missing !== undefined) return { missing };
  return { value: shared?.replaceAll(placeholder, (_all, name: string) => variables.get(name) ?? "") };
}
