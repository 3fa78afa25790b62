import * as z from "zod";
import { drawQr, type QrFormat, qrFormats } from "../../operations/media.ts";

/** The declaration that both QR code endpoints share. */
export const qrEndpoint = {
  query: z.object({
    format: z
      .enum(qrFormats)
      .optional()
      .meta({ description: "Default: chosen by the `Accept` header, otherwise JSON" }),
  }),
  response: z.object({
    /** The text to draw as a QR code. */
    qrCode: z.string(),
  }),
  rawTypes: ["image/png", "image/svg+xml", "text/plain"],
  errors: ["qr_not_available", "instance_already_connected"] as const,
  secrets: true,
  toInput: ({ query }: { query: { format?: QrFormat | undefined } }) => ({ format: query.format }),
  operation: drawQr,
  toResponse: (drawn: never) => drawn,
};
