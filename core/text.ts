import * as z from "zod";

/** One line of text without control characters, which would disturb logs, headers and terminals. */
export const singleLine = z.string().regex(/^[^\p{Cc}]*$/u, "must not contain control characters");

/** Returns text that Postgres can store: without NUL and lone surrogates, which WhatsApp users can send but Postgres rejects. */
export function storableText(text: string): string {
  return text.replaceAll("\u0000", "\uFFFD").toWellFormed();
}
