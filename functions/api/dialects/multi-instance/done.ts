import * as z from "zod";

/** The answer of an action without a result. */
export const success = z.object({ success: z.literal(true) });
export const succeeded = { success: true as const };

/** The same with a message. */
export const done = success.extend({ message: z.string() });
export const doneWith = (message: string): z.input<typeof done> => ({ success: true, message });
