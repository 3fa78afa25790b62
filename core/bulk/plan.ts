import type * as z from "zod";
import { type CommandInput, commandCatalog } from "../command/catalog/index.ts";
import { maxTextBytes } from "../command/catalog/message/fields.ts";
import { AppError } from "../error.ts";
import { faultsOf } from "../issue.ts";
import { toJid } from "../message/recipient.ts";
import { once } from "../once.ts";
import { Slices } from "../slice.ts";
import { Template } from "./template.ts";

export interface BulkRecipient {
  /** The recipient, as the caller wrote it. */
  phone: string;
  /** The recipient's own text, sent unchanged instead of the shared text. */
  message?: string | undefined;
  /** Values for the placeholders of the shared text. */
  variables?: Record<string, string> | undefined;
}

export type BulkMedia = Omit<CommandInput<"message.sendMedia">, "to" | "quoted" | "mentions" | "thumbnail">;

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

/** The longest shared text in UTF-16 code units, and how many placeholders the text may have. */
const maxTemplateLength = 131_072;
const maxPlaceholders = 1_000;

export const bulkCommand = (content: BulkContent) => (content.media ? "message.sendMedia" : "message.sendText");

/**
 * Plans the messages of a bulk. An invalid or repeated recipient is rejected, and the others are accepted. The size of
 * all texts is computed before a text is expanded, and the work is done in slices. Throws `invalid_request` if no
 * recipient is left, or the texts are too long.
 */
export async function planBulk(content: BulkContent): Promise<{ planned: Planned[]; rejected: Rejected[] }> {
  const shared = content.media?.caption ?? content.message;
  const template = shared === undefined ? undefined : readTemplate(shared);
  const slices = new Slices();
  const { accepted, rejected } = await selectRecipients(content, template, slices);
  const planned: Planned[] = [];
  const schema = commandCatalog[bulkCommand(content)].input;
  for (const { index, to, variables, own } of accepted) {
    await slices.turn();
    const parsed = schema.safeParse(inputOf(content, to, own ?? template?.expand(variables)));
    if (parsed.success) planned.push({ index, input: parsed.data });
    else rejected.push({ index, phone: content.recipients[index]?.phone ?? "", error: reasonOf(parsed.error) });
  }
  rejected.sort((a, b) => a.index - b.index);
  if (planned.length === 0) {
    throw new AppError("invalid_request", `recipients: all are rejected, the first because of ${rejected[0]?.error}`);
  }
  return { planned, rejected };
}

function readTemplate(text: string): Template {
  if (text.length > maxTemplateLength) {
    throw new AppError("invalid_request", `message: must be at most ${maxTemplateLength} characters`);
  }
  const template = new Template(text);
  if (template.placeholders > maxPlaceholders) {
    throw new AppError("invalid_request", `message: must have at most ${maxPlaceholders} placeholders`);
  }
  return template;
}

interface Accepted {
  index: number;
  to: string;
  variables: ReadonlyMap<string, string>;
  /** The recipient's own text. Placeholders in this text stay, because the text may contain braces. */
  own: string | undefined;
}

/**
 * Returns the recipients with a valid address, all variables, and a text that is short enough. Expands no text. Throws
 * `invalid_request` as soon as the texts together are too long.
 */
async function selectRecipients(
  content: BulkContent,
  template: Template | undefined,
  slices: Slices,
): Promise<{ accepted: Accepted[]; rejected: Rejected[] }> {
  const accepted: Accepted[] = [];
  const rejected: Rejected[] = [];
  const indexes = new Map<string, number>();
  const tooLong = once(() => reasonForLongText(content));
  let total = 0;
  for (const [index, { phone, message: own, variables: given }] of content.recipients.entries()) {
    await slices.turn();
    const reject = (error: string) => rejected.push({ index, phone, error });
    const to = toJid(phone);
    if (!to) {
      reject("phone: must be an international phone number or a WhatsApp JID");
      continue;
    }
    const earlier = indexes.get(to);
    if (earlier !== undefined) {
      reject(`phone: repeats recipient ${earlier}`);
      continue;
    }
    const variables = new Map(Object.entries(given ?? {}));
    const missing = own === undefined ? template?.missing(variables) : undefined;
    if (missing !== undefined) {
      reject(`variables: ${missing} is missing`);
      continue;
    }
    const bytes = own === undefined ? (template?.expandedBytes(variables) ?? 0) : Buffer.byteLength(own);
    if (bytes > maxTextBytes) {
      reject(await tooLong());
      continue;
    }
    total += bytes;
    if (total > maxBytes) {
      throw new AppError(
        "invalid_request",
        `message: all texts together exceed ${maxBytes} bytes; create several bulks`,
      );
    }
    indexes.set(to, index);
    accepted.push({ index, to, variables, own });
  }
  return { accepted, rejected };
}

/** Returns the reason of the command's schema for refusing a text over `maxTextBytes`. */
async function reasonForLongText(content: BulkContent): Promise<string> {
  const input = inputOf(content, "10000000@s.whatsapp.net", "x".repeat(maxTextBytes + 1));
  const { error } = commandCatalog[bulkCommand(content)].input.safeParse(input);
  return error ? reasonOf(error) : "message: is too long";
}

const inputOf = ({ media }: BulkContent, to: string, text: string | undefined) =>
  media ? { ...media, to, caption: text || undefined } : { to, text: text ?? "" };

const reasonOf = (error: z.ZodError) =>
  faultsOf(error.issues)
    .map(({ path, message }) => `${fieldOf(path)}: ${message}`)
    .join("; ");

/** Returns the caller's name for a field of the command. */
const fieldOf = (path: readonly PropertyKey[]) => (path[0] === "text" ? "message" : path.join(".") || "media");
