import * as z from "zod";
import type { Shapes } from "../../dialect.ts";
import { gatewayError } from "../../error-shapes.ts";
import { envelope } from "./envelope.ts";

export const shapes: Shapes = {
  error: gatewayError,
  pending: envelope(
    z.object({
      commandId: z.string(),
      /** Where the result will be. */
      location: z.string(),
    }),
  ),
};
