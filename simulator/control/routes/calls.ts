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
  ringMs: z
    .number()
    .int()
    .min(1)
    .max(120_000)
    .optional()
    .describe("Milliseconds until the call times out. Default: 45000"),
});
const CallStep = z.object({ action: z.enum(["accept", "reject", "hangUp"]).describe("Only the caller can hang up") });
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
    run: (request) => {
      const { to, ...options } = request.body;
      return withStatus(404, () => callView(startCall(phoneOf(request), to, options)));
    },
  }),
  route({
    method: "get",
    path: "/phones/{number}/calls",
    summary: "List outgoing and incoming calls, oldest first",
    answer: z.array(CallView),
    run: (request) => callsOf(phoneOf(request)).map(callView),
  }),
  route({
    method: "post",
    path: "/phones/{number}/calls/{call}",
    summary:
      "Accept or reject a ringing call, or hang up as its caller. Returns 409 if the call no longer rings or this phone can't do this.",
    body: CallStep,
    answer: CallView,
    run: (request) => {
      const call = callOf(request);
      if (!apply(request.body.action, phoneOf(request), call)) {
        throw new ControlError(409, "the call no longer rings, or this phone cannot do this");
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
