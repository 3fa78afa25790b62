import * as z from "zod";
import { drawQr, type QrFormat, qrFormats } from "../../operations/media.ts";

/** What both endpoints for the QR code have in common. */
export const qrDrawing = {
  query: z.object({
    format: z.enum(qrFormats).optional().meta({ description: "Without it, `Accept` decides; else it is JSON" }),
  }),
  answer: z.object({
    /** What to draw as a QR code: a text, not a picture. */
    qrCode: z.string(),
  }),
  rawTypes: ["image/png", "image/svg+xml", "text/plain"],
  errors: ["qr_not_available", "instance_already_connected"] as const,
  secrets: true,
  in: ({ query }: { query: { format?: QrFormat | undefined } }) => ({ format: query.format }),
  does: drawQr,
  out: (drawn: never) => drawn,
};
