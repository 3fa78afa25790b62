import type { Case } from "../suite.ts";
import { type GatewayCases, type World, withExample } from "./case.ts";
import { peopleCases } from "./contact.ts";
import { groupCases } from "./group.ts";
import { instanceCases } from "./instance.ts";
import { messageCases } from "./message.ts";
import { moreCases } from "./more.ts";
import { statusCases } from "./status-post.ts";

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
