import * as z from "zod";
import type { Shapes } from "../../engine/dialect.ts";
import { problem } from "../../shape/error.ts";

export const shapes: Shapes = {
  error: problem,
  pending: z.object({
    success: z.literal(true),
    message: z.string(),
    commandId: z.string(),
    /** The path of the result. */
    location: z.string(),
  }),
};
