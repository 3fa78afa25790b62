import * as z from "zod";

/** WhatsApp refuses longer texts. Bytes of UTF-8. */
export const maxTextBytes = 65_536;

/** The text of a message. */
export const text = z
  .string()
  .min(1)
  .refine((value) => Buffer.byteLength(value) <= maxTextBytes, `must be at most ${maxTextBytes} bytes of UTF-8`);
