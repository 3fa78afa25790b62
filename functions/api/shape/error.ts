import * as z from "zod";
import { type ErrorCode, errorCodes } from "../../../core/error.ts";

const code = z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]);

/** An error in the format of RFC 9457, with extension members. */
export const problem = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  /** The path of the request. */
  instance: z.string(),
  code,
  /** The status of the WhatsApp instance, with some errors. */
  instanceStatus: z.string().optional(),
});

export const gatewayError = z.looseObject({
  success: z.literal(false),
  error: z.string(),
  details: z.string(),
  code,
  /** The status of the WhatsApp instance, with some errors. */
  status: z.string().optional(),
});
