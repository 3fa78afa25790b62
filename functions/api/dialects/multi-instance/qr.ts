import * as z from "zod";
import { drawQr, type QrFormat, qrFormats } from "../../operations/media.ts";

/** The common part of the two endpoints for the QR code. */
export const qrDrawing = {
  query: z.object({
    format: z.enum(qrFormats).optional().meta({ description: "Default: by the `Accept` header, otherwise JSON" }),
  }),
  answer: z.object({
    /** The text to draw as a QR code. */
    qrCode: z.string(),
  }),
  rawTypes: ["image/png", "image/svg+xml", "text/plain"],
  errors: ["qr_not_available", "instance_already_connected"] as const,
  secrets: true,
  in: ({ query }: { query: { format?: QrFormat | undefined } }) => ({ format: query.format }),
  does: drawQr,
  out: (drawn: never) => drawn,
};
