import type { Case } from "./endpoint-frame.ts";
import { type GatewayCases, type World, withExample } from "./gateway-case.ts";
import { groupCases } from "./gateway-cases-group.ts";
import { instanceCases } from "./gateway-cases-instance.ts";
import { messageCases } from "./gateway-cases-message.ts";
import { moreCases } from "./gateway-cases-more.ts";
import { peopleCases } from "./gateway-cases-people.ts";
import { statusCases } from "./gateway-cases-status.ts";

const all: GatewayCases = {
  ...instanceCases,
  ...messageCases,
  ...groupCases,
  ...peopleCases,
  ...statusCases,
  ...moreCases,
};

/** One for each endpoint of the Gateway API: a missing one fails the test. */
export const gatewayCases: Record<string, Case<World>> = Object.fromEntries(
  Object.entries(all).map(([endpoint, one]) => [endpoint, withExample(endpoint, one)]),
);
