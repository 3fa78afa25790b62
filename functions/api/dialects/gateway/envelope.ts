import * as z from "zod";
import { defined } from "../../../../core/object.ts";

/** Returns the shape of a successful response in this dialect. */
export const envelope = <Data extends z.ZodType>(data: Data) =>
  z.object({ success: z.literal(true), data, message: z.string().optional() });

export const enveloped = <Data>(data: Data, message?: string) => ({
  success: true as const,
  data,
  ...defined({ message }),
});
