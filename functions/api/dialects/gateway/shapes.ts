import * as z from "zod";
import type { Shapes } from "../../engine/dialect.ts";
import { gatewayError } from "../../shape/error.ts";
import { envelope } from "./envelope.ts";

export const shapes: Shapes = {
  error: gatewayError,
  pending: envelope(
    z.object({
      commandId: z.string(),
      /** The path of the result. */
      location: z.string(),
    }),
  ),
};
