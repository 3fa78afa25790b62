import * as z from "zod";
import type { EventData } from "../../event/catalog/index.ts";
import { defined } from "../../object.ts";
import { numberOf } from "./field.ts";

const call = {
  callId: z.string(),
  /** JID of the caller. */
  from: z.string(),
  /** Digits of the caller's phone number, if known. */
  phoneNumber: z.string().nullable(),
  lid: z.string().nullable(),
  /** Unix seconds. */
  timestamp: z.number().int(),
};

/** The data of webhooks about calls, in both dialects. */
export const callBodies = {
  received: {
    ...call,
    isVideo: z.boolean(),
    isGroup: z.boolean(),
    /** JID of the group that is called. */
    groupId: z.string().nullable(),
    /** The call arrived while the instance was disconnected, and no longer rings. */
    missed: z.boolean(),
    /** Present if the gateway rejects the call, because the settings of the instance say so. */
    rejected: z.literal(true).optional(),
  },
  rejected: {
    ...call,
    by: z.enum(["api", "phone"]),
    /** Present if the settings of the instance rejected the call, without a request. */
    automatic: z.literal(true).optional(),
  },
  ended: { ...call, reason: z.enum(["accepted", "missed"]) },
};

export const receivedCallOf = ({
  isVideo,
  isGroup,
  groupId,
  missed,
  rejected,
  ...data
}: EventData<"call.received">) => ({ ...callOf(data), isVideo, isGroup, groupId, missed, ...defined({ rejected }) });

export const rejectedCallOf = ({ by, automatic, ...data }: EventData<"call.rejected">) => ({
  ...callOf(data),
  by,
  ...defined({ automatic }),
});

export const endedCallOf = ({ reason, ...data }: EventData<"call.ended">) => ({ ...callOf(data), reason });

const callOf = ({
  callId,
  from,
  lid,
  timestamp,
}: Pick<EventData<"call.received">, "callId" | "from" | "lid" | "timestamp">) => ({
  ...{ callId, from, phoneNumber: numberOf(from), lid, timestamp },
});
