import { z } from "zod";
import type { Call } from "../model/call.ts";
import type { Group } from "../model/group.ts";
import { answerCall, callsOf, startCall } from "../phone/owner/call.ts";
import { change, changeMembers } from "../phone/owner/group.ts";
import type { Phone } from "../phone/phone.ts";
import type { WhatsApp } from "../server/whatsapp.ts";
import { Refusal } from "../stanza/errors.ts";
import { type BinaryNode, node } from "../wire/node.ts";
import { ControlError, type Route, route } from "./route.ts";
import { GroupView } from "./schema.ts";
import { groupView } from "./view.ts";

const Address = z.string().min(3).describe("A phone number, a JID, or a group's JID");
const Person = z.string().min(3).describe("A phone number or a JID");

const NewCall = z.object({
  to: Address,
  video: z.boolean().optional(),
  ringMs: z.number().int().min(1).max(120_000).optional().describe("45 s when left out"),
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
      device: z.number().int().optional().describe("Which device answered; 0 is the phone"),
    }),
  ),
});
const Members = z.object({
  action: z.enum(["add", "remove", "promote", "demote"]),
  members: z.array(Person).min(1),
});
const GroupChange = z.object({
  subject: z.string().min(1).max(100).optional(),
  announcement: z.boolean().optional().describe("Only admins write"),
  locked: z.boolean().optional().describe("Only admins change subject, description and picture"),
  ephemeral: z.number().int().min(0).optional().describe("Seconds after which messages disappear; 0 is never"),
  invite: z.literal("revoke").optional(),
});

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

const jidOf = (person: string) => (person.includes("@") ? person : `${person.replace(/\D/g, "")}@s.whatsapp.net`);

/** What a phone's owner does in groups, and with calls. */
export function groupAndCallRoutes(wa: WhatsApp): Route[] {
  const phone = ({ number = "" }: Record<string, string>): Phone => {
    const found = wa.phone(number);
    if (!found) throw new ControlError(404, `there is no phone ${number}`);
    return found;
  };
  const group = ({ group: jid = "" }: Record<string, string>): Group => {
    const found = wa.world.groups.get(jid);
    if (!found) throw new ControlError(404, `there is no group ${jid}`);
    return found;
  };
  const call = (params: Record<string, string>): Call => {
    const found = callsOf(phone(params)).find(({ id }) => id === params.call);
    if (!found) throw new ControlError(404, `the phone has no call ${params.call}`);
    return found;
  };
  return [
    route({
      method: "patch",
      path: "/phones/{number}/groups/{group}",
      summary: "Change a group as one of its members; 409 when that one may not",
      body: GroupChange,
      answer: GroupView,
      run: ({ params, body }) =>
        allowed(() => {
          for (const one of changesOf(body)) change(phone(params), group(params).jid, one);
          return groupView(group(params));
        }),
    }),
    route({
      method: "post",
      path: "/phones/{number}/groups/{group}/members",
      summary: "Add, remove, promote or demote members",
      body: Members,
      answer: GroupView,
      run: ({ params, body: { action, members } }) =>
        allowed(() => {
          changeMembers(phone(params), group(params).jid, action, members.map(jidOf));
          return groupView(group(params));
        }),
    }),
    route({
      method: "delete",
      path: "/phones/{number}/groups/{group}",
      summary: "Leave a group",
      run: ({ params }) => allowed(() => phone(params).leaveGroup(group(params).jid)),
    }),
    route({
      method: "post",
      path: "/phones/{number}/calls",
      summary: "Call somebody, or all members of a group",
      body: NewCall,
      answer: CallView,
      run: ({ params, body: { to, ...options } }) => {
        try {
          return callView(startCall(phone(params), to, options));
        } catch (error) {
          throw error instanceof ControlError ? error : new ControlError(404, (error as Error).message);
        }
      },
    }),
    route({
      method: "get",
      path: "/phones/{number}/calls",
      summary: "Calls that the phone made or got, oldest first",
      answer: z.array(CallView),
      run: ({ params }) => callsOf(phone(params)).map(callView),
    }),
    route({
      method: "post",
      path: "/phones/{number}/calls/{call}",
      summary: "Take, refuse or end a call; 409 when it does not ring any more",
      body: CallStep,
      answer: CallView,
      run: ({ params, body: { action } }) => {
        const [owner, found] = [phone(params), call(params)];
        if (action === "hangUp" && found.caller === owner.account && found.ringing) found.hangUp();
        else if (action === "hangUp" || !answerCall(owner, found, action === "accept" ? "accepted" : "rejected"))
          throw new ControlError(409, "it is not this phone's to do, or it rings no more");
        return callView(found);
      },
    }),
  ];
}

function changesOf({ subject, announcement, locked, ephemeral, invite }: z.output<typeof GroupChange>): BinaryNode[] {
  const changes: BinaryNode[] = [];
  if (subject !== undefined) changes.push(node("subject", {}, Buffer.from(subject)));
  if (announcement !== undefined) changes.push(node(announcement ? "announcement" : "not_announcement"));
  if (locked !== undefined) changes.push(node(locked ? "locked" : "unlocked"));
  if (ephemeral === 0) changes.push(node("not_ephemeral"));
  if (ephemeral) changes.push(node("ephemeral", { expiration: String(ephemeral) }));
  if (invite) changes.push(node("invite"));
  return changes;
}

function allowed<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Refusal) throw new ControlError(409, `${error.message} (${error.code})`);
    throw error;
  }
}
