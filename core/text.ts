import * as z from "zod";

/** One line of text without control characters, which would disturb logs, headers and terminals. */
export const singleLine = z.string().regex(/^[^\p{Cc}]*$/u, "must not contain control characters");
