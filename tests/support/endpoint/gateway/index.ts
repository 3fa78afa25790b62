import type { Case } from "../case.ts";
import { businessCases } from "./business.ts";
import { type GatewayCases, type GatewayFixture, withExample } from "./case.ts";
import { channelCases } from "./channel.ts";
import { chatCases } from "./chat.ts";
import { communityCases } from "./community.ts";
import { contactCases } from "./contact.ts";
import { groupCases } from "./group.ts";
import { instanceCases } from "./instance.ts";
import { labelCases } from "./label.ts";
import { liveEventCases } from "./live-events.ts";
import { mediaAndCallCases } from "./media-and-calls.ts";
import { messageCases } from "./message.ts";
import { privacyCases } from "./privacy.ts";
import { statusPostCases } from "./status-post.ts";

const all: GatewayCases = {
  ...instanceCases,
  ...messageCases,
  ...privacyCases,
  ...groupCases,
  ...contactCases,
  ...businessCases,
  ...statusPostCases,
  ...channelCases,
  ...communityCases,
  ...labelCases,
  ...liveEventCases,
  ...chatCases,
  ...mediaAndCallCases,
};

/** One case for each endpoint of the Gateway API. A test fails if a case is missing. */
export const gatewayCases: Record<string, Case<GatewayFixture>> = Object.fromEntries(
  Object.entries(all).map(([endpoint, one]) => [endpoint, withExample(endpoint, one)]),
);
