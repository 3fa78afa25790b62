import * as z from "zod";
import { defineEvent } from "./define.ts";

const call = {
  callId: z.string(),
  /** JID of who calls, by phone number where it is known. */
  from: z.string(),
  lid: z.string().nullable(),
  /** Unix seconds, WhatsApp's clock. */
  timestamp: z.int(),
};

export const received = defineEvent({
  type: "call.received",
  summary: "Somebody calls this account",
  data: z.object({
    ...call,
    /** The same JID as WhatsApp writes it: who answers must write it so too. */
    creator: z.string(),
    isVideo: z.boolean(),
    isGroup: z.boolean(),
    /** JID of the group that is called. */
    groupId: z.string().nullable(),
    /** It came while nobody listened, and rings no more. */
    missed: z.boolean(),
  }),
});

export const rejected = defineEvent({
  type: "call.rejected",
  summary: "A call was rejected, by the API or on a device of the account's owner",
  data: z.object({ ...call, by: z.enum(["api", "phone"]) }),
});

export const ended = defineEvent({
  type: "call.ended",
  summary: "A call does not ring any more, and was not rejected",
  data: z.object({
    ...call,
    /** `accepted`: on a device of the account's owner. `missed`: nobody answered in time, or the caller hung up. */
    reason: z.enum(["accepted", "missed"]),
  }),
});
