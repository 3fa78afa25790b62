import type { Device } from "../../model/account.ts";
import type { Call } from "../../model/call.ts";
import type { Channel } from "../../model/channel.ts";
import type { Group } from "../../model/group.ts";
import type { InboxMessage } from "../../phone/mailbox/inbox.ts";
import type { SentMessage } from "../../phone/mailbox/sent.ts";
import { callsOf } from "../../phone/owner/call.ts";
import { labelsOf, type PhoneLabel } from "../../phone/owner/labels.ts";
import type { Phone } from "../../phone/phone.ts";
import type { WhatsApp } from "../../server/whatsapp.ts";
import { readContent } from "../../wire/content.ts";
import { ControlError } from "./route.ts";

/** The path parameters of a request, and the server that it concerns. */
type Asked = { wa: WhatsApp; params: Record<string, string> };

// Each function returns what the path, or an id in the body, names. It throws 404 if that does not exist.

export function phoneOf({ wa, params }: Asked): Phone {
  return found(wa.phone(params.number ?? ""), `the phone ${params.number} does not exist`);
}

export function deviceOf({ wa, params }: Asked): Device {
  const { number = "", device } = params;
  const companions = wa.world.accounts.get(number)?.companions;
  return found(companions?.get(Number(device)), `${number} has no linked device ${device}`);
}

export function groupOf({ wa, params }: Asked, jid = params.group ?? ""): Group {
  return found(wa.world.groups.get(jid), `the group ${jid} does not exist`);
}

/** @param asked.params.channel a JID or an invite code */
export function channelOf({ wa, params: { channel = "" } }: Asked): Channel {
  const named = [...wa.world.channels.values()].find(({ jid, inviteCode }) => [jid, inviteCode].includes(channel));
  return found(named, `the channel ${channel} does not exist`);
}

export function callOf(asked: Asked): Call {
  const { call } = asked.params;
  return found(
    callsOf(phoneOf(asked)).find(({ id }) => id === call),
    `the phone has no call ${call}`,
  );
}

export function labelOf(asked: Asked, id = asked.params.label): PhoneLabel {
  return found(
    labelsOf(phoneOf(asked)).find((label) => label.id === id),
    `the phone has no label ${id}`,
  );
}

/** A received message. */
export function messageOf(asked: Asked, id = asked.params.id): InboxMessage {
  const { messages } = phoneOf(asked).inbox;
  return found(
    messages.find((message) => message.id === id),
    `the phone has no message ${id}`,
  );
}

export function sentOf(asked: Asked, id = asked.params.id): SentMessage {
  return found(phoneOf(asked).sent.get(id ?? ""), `the phone did not send ${id}`);
}

/** A poll or calendar event that the phone sent or received. Throws 409 if the message is something else. */
export function surveyOf(asked: Asked, id: string, kind: "poll" | "event"): InboxMessage | SentMessage {
  const survey = phoneOf(asked).sent.get(id) ?? messageOf(asked, id);
  if (!readContent(survey.message)[kind]) throw new ControlError(409, `the message ${id} is not a ${kind}`);
  return survey;
}

function found<T>(value: T | undefined, problem: string): T {
  if (value === undefined) throw new ControlError(404, problem);
  return value;
}
