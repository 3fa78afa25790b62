import { z } from "zod";
import { isRelaxable, type RelaxableRule, rules } from "../../rule/index.ts";
import type { WhatsApp } from "../../server/whatsapp.ts";
import { ControlError, type Route, route } from "../base/route.ts";

const RuleView = z.object({
  name: z.string(),
  claim: z.string().describe("What WhatsApp does"),
  enforced: z.boolean().describe("Whether the simulator does it"),
  relaxable: z.boolean().describe("Whether the rule can be switched off"),
  relaxed: z.boolean().describe("Whether the rule is switched off"),
});

function ruleView(wa: WhatsApp, name: string): z.input<typeof RuleView> {
  const rule = rules.find((one) => one.name === name);
  if (!rule) throw new ControlError(404, `the rule ${name} does not exist: see GET /rules`);
  const { claim, enforced, relaxable } = rule;
  return { name, claim, enforced, relaxable, relaxed: isRelaxable(name) && wa.world.rules.relaxed(name) };
}

/** Returns the rule in the path. Throws 404 if it does not exist, and 409 if it cannot be switched off. */
function relaxableOf(wa: WhatsApp, { rule = "" }: Record<string, string>): RelaxableRule {
  const { name } = ruleView(wa, rule);
  if (!isRelaxable(name)) throw new ControlError(409, `the rule ${name} cannot be switched off`);
  return name;
}

/** What WhatsApp does, and which parts of it the simulator enforces at the moment. */
export const ruleRoutes: Route[] = [
  route({
    method: "get",
    path: "/rules",
    summary: "List what the simulator assumes about WhatsApp",
    answer: z.object({ rules: z.array(RuleView) }),
    run: ({ wa }) => ({ rules: rules.map(({ name }) => ruleView(wa, name)) }),
  }),
  route({
    method: "get",
    path: "/rules/{rule}",
    summary: "Get one assumption about WhatsApp",
    answer: RuleView,
    run: ({ wa, params }) => ruleView(wa, params.rule ?? ""),
  }),
  route({
    method: "put",
    path: "/rules/{rule}/relaxed",
    summary: "Switch a rule off",
    answer: RuleView,
    run: ({ wa, params }) => {
      const name = relaxableOf(wa, params);
      wa.world.rules.relax(name);
      return ruleView(wa, name);
    },
  }),
  route({
    method: "delete",
    path: "/rules/{rule}/relaxed",
    summary: "Switch a rule on again",
    answer: RuleView,
    run: ({ wa, params }) => {
      const name = relaxableOf(wa, params);
      wa.world.rules.restore(name);
      return ruleView(wa, name);
    },
  }),
];
