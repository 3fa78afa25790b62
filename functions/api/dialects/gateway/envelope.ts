import * as z from "zod";

/** `{success, data, message}`, as every answer of this dialect. */
export const envelope = <Data extends z.ZodType>(data: Data) =>
  z.object({ success: z.literal(true), data, message: z.string().optional() });

export const enveloped = <Data>(data: Data, message?: string) => ({
  success: true as const,
  data,
  ...(message === undefined ? {} : { message }),
});
