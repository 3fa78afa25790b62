import * as z from "zod";
import { type ErrorCode, errorCodes } from "../../../core/error.ts";

const code = z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]);

/** RFC 9457. What an error adds stands beside the standard members. */
export const problem = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  /** Path of the request. */
  instance: z.string(),
  code,
  /** With some errors: the status of the WhatsApp instance. */
  instanceStatus: z.string().optional(),
});

export const gatewayError = z.looseObject({
  success: z.literal(false),
  error: z.string(),
  details: z.string(),
  code,
  /** With some errors: the status of the WhatsApp instance. */
  status: z.string().optional(),
});
