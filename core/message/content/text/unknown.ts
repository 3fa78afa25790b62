import * as z from "zod";
import { defineContent } from "../define.ts";

/** The largest part of unknown content in an event, in bytes. The row of the message has the whole protobuf. */
export const maxUnknownBytes = 16 * 1024;

/** Content that is newer than this version: only fields that the protobuf definition of this version does not have. */
export const unknown = defineContent({
  kind: "unknown",
  summary: "Content that this version cannot read",
  schema: z.object({
    kind: z.literal("unknown"),
    /** Numbers of the fields of `proto.Message` that have the content. */
    fields: z.array(z.number().int()),
    /** The encoded `proto.Message` in Base64: its first 16 KiB, if it is larger. */
    bytes: z.string(),
    /** The size of the encoded message in bytes. */
    size: z.number().int(),
  }),
  text: () => "Unsupported message",
});
