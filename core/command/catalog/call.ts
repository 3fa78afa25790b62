import * as z from "zod";
import { defineCommand } from "./define.ts";

const ringing = z.object({
  callId: z.string(),
  /** JID of who calls, by phone number where it is known. */
  from: z.string(),
  lid: z.string().nullable(),
  isVideo: z.boolean(),
  isGroup: z.boolean(),
  /** JID of the group that is called. */
  groupId: z.string().nullable(),
  /** When it began. */
  at: z.iso.datetime(),
});

export const list = defineCommand({
  name: "call.list",
  kind: "query",
  summary: "List the calls that ring now, the oldest first",
  input: z.object({}),
  output: z.object({ calls: z.array(ringing) }),
  errors: [],
});

/** Calls ring on the phone of the account's owner too: that one takes them or not, the gateway can only refuse. */
export const reject = defineCommand({
  name: "call.reject",
  kind: "mutate",
  summary: "Reject a call that rings",
  input: z.object({ callId: z.string().min(1).max(128) }),
  /** `from` as above. */
  output: z.object({ callId: z.string(), from: z.string() }),
  errors: ["call_not_found", "whatsapp_error"],
  repeatable: true,
});
