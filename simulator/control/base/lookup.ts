import type { Device } from "../../model/account.ts";
import type { Call } from "../../model/call.ts";
import type { Channel } from "../../model/channel.ts";
import type { Group } from "../../model/group.ts";
import type { InboxMessage } from "../../phone/mailbox/inbox.ts";
import type { Target } from "../../phone/mailbox/key.ts";
import type { SentMessage } from "../../phone/mailbox/sent.ts";
import { callsOf } from "../../phone/owner/call.ts";
import { labelsOf, type PhoneLabel } from "../../phone/owner/labels.ts";
import type { Phone } from "../../phone/phone.ts";
import type { WhatsApp } from "../../server/whatsapp.ts";
import { readContent } from "../../wire/content.ts";
import { ControlError } from "./route.ts";

/** The path parameters of a request to the control API, and the simulator that it controls. */
type ControlRequest = { wa: WhatsApp; params: Record<string, string> };

// Each function returns the object to which the path or an id in the body refers, and throws 404 if the object does not
// exist.

export function phoneOf({ wa, params }: ControlRequest): Phone {
  return found(wa.phone(params.number ?? ""), `the phone ${params.number} does not exist`);
}

export function deviceOf({ wa, params }: ControlRequest): Device {
  const { number = "", device } = params;
  const companions = wa.world.accounts.get(number)?.companions;
  return found(companions?.get(Number(device)), `${number} has no linked device ${device}`);
}

export function groupOf({ wa, params }: ControlRequest, jid = params.group ?? ""): Group {
  return found(wa.world.groups.get(jid), `the group ${jid} does not exist`);
}

/** @param request.params.channel a JID or an invite code */
export function channelOf({ wa, params: { channel = "" } }: ControlRequest): Channel {
  const match = [...wa.world.channels.values()].find(({ jid, inviteCode }) => [jid, inviteCode].includes(channel));
  return found(match, `the channel ${channel} does not exist`);
}

export function callOf(request: ControlRequest): Call {
  const { call } = request.params;
  return found(
    callsOf(phoneOf(request)).find(({ id }) => id === call),
    `the phone has no call ${call}`,
  );
}

export function labelOf(request: ControlRequest, id = request.params.label): PhoneLabel {
  return found(
    labelsOf(phoneOf(request)).find((label) => label.id === id),
    `the phone has no label ${id}`,
  );
}

/** Returns a message in the phone's inbox. */
export function messageOf(request: ControlRequest, id = request.params.id): InboxMessage {
  const { messages } = phoneOf(request).inbox;
  return found(
    messages.find((message) => message.id === id),
    `the phone has no message ${id}`,
  );
}

/** Returns a message that the phone sent. */
export function sentOf(request: ControlRequest, id = request.params.id): SentMessage {
  return found(phoneOf(request).sent.get(id ?? ""), `the phone did not send a message ${id}`);
}

/** Returns a message that the phone sent or received. */
export const anyMessageOf = (request: ControlRequest, id: string): Target =>
  phoneOf(request).sent.get(id) ?? messageOf(request, id);

/** Returns a poll or calendar event that the phone sent or received. Throws 409 if the message is something else. */
export function surveyOf(request: ControlRequest, id: string, kind: "poll" | "event"): Target {
  const survey = anyMessageOf(request, id);
  if (!readContent(survey.message)[kind]) throw new ControlError(409, `the message ${id} is not a ${kind}`);
  return survey;
}

function found<T>(value: T | undefined, problem: string): T {
  if (value === undefined) throw new ControlError(404, problem);
  return value;
}
