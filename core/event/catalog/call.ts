import * as z from "zod";
import { defineEvent } from "./define.ts";

const call = {
  callId: z.string(),
  /** JID of the caller, by phone number if it is known. */
  from: z.string(),
  lid: z.string().nullable(),
  /** Unix seconds, by WhatsApp's clock. */
  timestamp: z.int(),
};

export const received = defineEvent({
  type: "call.received",
  summary: "Somebody is calling the account",
  data: z.object({
    ...call,
    /** The caller's JID as WhatsApp spells it. A response must use the same spelling. */
    creator: z.string(),
    isVideo: z.boolean(),
    isGroup: z.boolean(),
    /** JID of the called group. */
    groupId: z.string().nullable(),
    /** Whether the call came while the instance was not connected, and no longer rings. */
    missed: z.boolean(),
    /** Set if the gateway rejects the call, because the settings of the instance say so. */
    rejected: z.literal(true).optional(),
  }),
});

export const rejected = defineEvent({
  type: "call.rejected",
  summary: "A call was rejected, through the API or on the owner's phone",
  data: z.object({
    ...call,
    by: z.enum(["api", "phone"]),
    /** Set if the settings of the instance rejected the call, without a request. */
    automatic: z.literal(true).optional(),
  }),
});

export const ended = defineEvent({
  type: "call.ended",
  summary: "A call stopped ringing without being rejected",
  data: z.object({
    ...call,
    /** `accepted`: on a device of the owner. `missed`: nobody answered in time, or the caller hung up. */
    reason: z.enum(["accepted", "missed"]),
  }),
});
