import * as z from "zod";

/** The response of an action without a result. */
export const successShape = z.object({ success: z.literal(true) });
export const success = { success: true as const };

/** The response of an action whose result is only a message. */
export const messageShape = successShape.extend({ message: z.string() });
export const successMessage = (message: string): z.input<typeof messageShape> => ({ success: true, message });
