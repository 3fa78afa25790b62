import * as z from "zod";
import { defineCommand } from "./define.ts";

const ringing = z.object({
  callId: z.string(),
  /** JID of the caller, by phone number if it is known. */
  from: z.string(),
  lid: z.string().nullable(),
  isVideo: z.boolean(),
  isGroup: z.boolean(),
  /** JID of the called group. */
  groupId: z.string().nullable(),
  /** When the call began. */
  at: z.iso.datetime(),
});

export const list = defineCommand({
  name: "call.list",
  kind: "query",
  summary: "List the calls that are ringing, oldest first",
  input: z.object({}),
  output: z.object({ calls: z.array(ringing) }),
  errors: [],
});

/** A call also rings on the owner's phone, which can answer it. The gateway can only reject the call. */
export const reject = defineCommand({
  name: "call.reject",
  kind: "mutate",
  summary: "Reject a ringing call",
  input: z.object({ callId: z.string().min(1).max(128) }),
  /** `from` as in `call.list`. */
  output: z.object({ callId: z.string(), from: z.string() }),
  errors: ["call_not_found", "whatsapp_error"],
  repeatable: true,
});
