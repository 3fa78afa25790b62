import type { Rule } from "./define.ts";
import { deliveryRules } from "./delivery.ts";
import { deviceRules } from "./device.ts";
import { linkRules } from "./link.ts";
import { mediaRules } from "./media.ts";
import { privacyTokenRules } from "./privacy-token.ts";
import { receiveRules } from "./receive.ts";
import { requestRules } from "./request.ts";

/** What we believe about WhatsApp, by subject. `npm run docs` writes docs/reference/whatsapp.md from it. */
export const rulesBySubject = {
  "Link and login": linkRules,
  Receiving: receiveRules,
  "Privacy tokens": privacyTokenRules,
  Requests: requestRules,
  Delivery: deliveryRules,
  Files: mediaRules,
  "Devices and keys": deviceRules,
};

type Declared = (typeof rulesBySubject)[keyof typeof rulesBySubject][number];

export type RuleName = Declared["name"];

/** The rules that can be switched off. */
export type RelaxableRule = Extract<Declared, { relaxable: true }>["name"];

export const rules: Rule<RuleName>[] = Object.values(rulesBySubject).flat();

export function isRelaxable(name: string): name is RelaxableRule {
  return rules.some((rule) => rule.name === name && rule.relaxable);
}
