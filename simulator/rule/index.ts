import { addressRules } from "./address.ts";
import { businessRules } from "./business.ts";
import { chatRules } from "./chat.ts";
import type { Rule } from "./define.ts";
import { deliveryRules } from "./delivery.ts";
import { deviceRules } from "./device.ts";
import { groupRules } from "./group.ts";
import { historyRules } from "./history.ts";
import { linkRules } from "./link.ts";
import { mediaRules } from "./media.ts";
import { messageRules } from "./message.ts";
import { peerRules } from "./peer.ts";
import { placeholderRules } from "./placeholder.ts";
import { presenceRules } from "./presence.ts";
import { privacyTokenRules } from "./privacy-token.ts";
import { receiveRules } from "./receive.ts";
import { requestRules } from "./request.ts";
import { restrictionRules } from "./restriction.ts";
import { sessionRules } from "./session.ts";

/** What we believe about WhatsApp, by subject. `npm run docs` writes docs/reference/whatsapp.md from it. */
export const rulesBySubject = {
  "Link and login": linkRules,
  Sessions: sessionRules,
  "After the link": historyRules,
  Messages: messageRules,
  Chats: chatRules,
  Addresses: addressRules,
  "Missing content": placeholderRules,
  "Groups and channels": groupRules,
  "Presence and profiles": presenceRules,
  "Profiles and businesses": businessRules,
  Receiving: receiveRules,
  "Privacy tokens": privacyTokenRules,
  Requests: requestRules,
  Delivery: deliveryRules,
  Files: mediaRules,
  Restrictions: restrictionRules,
  "Devices and keys": deviceRules,
  "Shown by whatsmeow": peerRules,
};

type Declared = (typeof rulesBySubject)[keyof typeof rulesBySubject][number];

export type RuleName = Declared["name"];

/** The rules that can be switched off. */
export type RelaxableRule = Extract<Declared, { relaxable: true }>["name"];

export const rules: Rule<RuleName>[] = Object.values(rulesBySubject).flat();

export function isRelaxable(name: string): name is RelaxableRule {
  return rules.some((rule) => rule.name === name && rule.relaxable);
}
