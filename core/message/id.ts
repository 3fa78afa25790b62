import * as z from "zod";

/** WhatsApp's id of a message: printable ASCII without spaces. */
export const messageId = z.string().regex(/^[\x21-\x7e]{1,128}$/, "must be the id of a WhatsApp message");
