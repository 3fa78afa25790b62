import { z } from "zod";
import type { Call } from "../../model/call.ts";
import { answerCall, callsOf, startCall } from "../../phone/owner/call.ts";
import type { Phone } from "../../phone/phone.ts";
import { callOf, phoneOf } from "../base/lookup.ts";
import { withStatus } from "../base/problem.ts";
import { ControlError, type Route, route } from "../base/route.ts";
import { Address } from "../base/schema.ts";

const NewCall = z.object({
  to: Address,
  video: z.boolean().optional(),
  ringMs: z.number().int().min(1).max(120_000).optional().describe("Default: 45 s"),
});
const CallStep = z.object({ action: z.enum(["accept", "reject", "hangUp"]).describe("Only the caller hangs up") });
const CallView = z.object({
  id: z.string(),
  from: z.string(),
  group: z.string().optional(),
  video: z.boolean(),
  called: z.array(
    z.object({
      jid: z.string(),
      state: z.enum(["ringing", "accepted", "rejected", "missed"]),
      device: z.number().int().optional().describe("The device that answered; 0 is the phone"),
    }),
  ),
});

export const callRoutes: Route[] = [
  route({
    method: "post",
    path: "/phones/{number}/calls",
    summary: "Call an account, or all members of a group",
    body: NewCall,
    answer: CallView,
    run: (asked) => {
      const { to, ...options } = asked.body;
      return withStatus(404, () => callView(startCall(phoneOf(asked), to, options)));
    },
  }),
  route({
    method: "get",
    path: "/phones/{number}/calls",
    summary: "List outgoing and incoming calls, oldest first",
    answer: z.array(CallView),
    run: (asked) => callsOf(phoneOf(asked)).map(callView),
  }),
  route({
    method: "post",
    path: "/phones/{number}/calls/{call}",
    summary: "Accept, reject or end a call; 409 if it no longer rings",
    body: CallStep,
    answer: CallView,
    run: (asked) => {
      const call = callOf(asked);
      if (!apply(asked.body.action, phoneOf(asked), call)) {
        throw new ControlError(409, "the call no longer rings, or this phone may not do this");
      }
      return callView(call);
    },
  }),
];

function apply(action: z.output<typeof CallStep>["action"], phone: Phone, call: Call): boolean {
  if (action !== "hangUp") return answerCall(phone, call, action === "accept" ? "accepted" : "rejected");
  if (call.caller !== phone.account || !call.ringing) return false;
  call.hangUp();
  return true;
}

const callView = (call: Call): z.input<typeof CallView> => ({
  id: call.id,
  from: call.caller.pnJid,
  group: call.group?.jid,
  video: call.video,
  called: [...call.states].map(([account, state]) => ({
    jid: account.pnJid,
    state,
    device: call.answeredBy.get(account),
  })),
});
