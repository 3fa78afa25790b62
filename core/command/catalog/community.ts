import * as z from "zod";
import { defineCommand } from "./define.ts";
import { description, group, groupId, participantResult, participants, subject } from "./group.ts";

/** A group of a community, with the data that a member of the community can see without being in the group. */
const linked = z.object({
  /** JID. */
  id: z.string(),
  subject: z.string(),
  /** Null if WhatsApp does not report the number. */
  size: z.int().nullable(),
  /** Whether it is the announcement group, in which the community's admins write to all members. */
  announcements: z.boolean(),
});
export type LinkedGroup = z.output<typeof linked>;

const summary = group.pick({ id: true, subject: true, description: true, owner: true, createdAt: true, size: true });
export type CommunitySummary = z.output<typeof summary>;

/** A community: on WhatsApp, a group that contains groups and has no messages of its own. */
const community = summary.extend({ participants: group.shape.participants, groups: z.array(linked) });
export type CommunityDetails = z.output<typeof community>;

const target = z.object({ community: groupId });
const communityAndGroup = target.extend({ group: groupId });
const nothing = z.object({});
const errors = ["group_not_found", "forbidden", "whatsapp_error"] as const;

export const list = defineCommand({
  name: "community.list",
  kind: "query",
  summary: "List the communities of the account",
  input: nothing,
  output: z.object({ communities: z.array(summary) }),
  errors: ["whatsapp_error"],
});

export const get = defineCommand({
  name: "community.get",
  kind: "query",
  summary: "Get a community, its members and its groups",
  input: target,
  output: community,
  errors,
});

export const create = defineCommand({
  name: "community.create",
  kind: "mutate",
  summary: "Create a community with its announcement group",
  input: z.object({ subject, description: description.optional() }),
  output: community,
  errors: ["forbidden", "outcome_unknown", "whatsapp_error"],
  repeatable: false,
});

export const createGroup = defineCommand({
  name: "community.createGroup",
  kind: "mutate",
  summary: "Create a group in a community",
  input: target.extend({ subject, participants }),
  output: z.object({ group, participants: z.array(participantResult) }),
  errors: [...errors, "recipient_not_on_whatsapp", "outcome_unknown"],
  repeatable: false,
});

export const linkGroup = defineCommand({
  name: "community.linkGroup",
  kind: "mutate",
  summary: "Add a group to a community. Requires an admin of both. The group's members also join the community",
  input: communityAndGroup,
  output: nothing,
  errors: [...errors, "conflict"],
  repeatable: true,
});

export const unlinkGroup = defineCommand({
  name: "community.unlinkGroup",
  kind: "mutate",
  summary: "Remove a group from a community. The group's members stay in the group and the community",
  input: communityAndGroup,
  output: nothing,
  errors: [...errors, "conflict", "outcome_unknown"],
  // A repeated removal fails, because the group is no longer in the community.
  repeatable: false,
});

export const leave = defineCommand({
  name: "community.leave",
  kind: "mutate",
  summary: "Leave a community and all its groups",
  input: target,
  output: nothing,
  errors: [...errors, "outcome_unknown"],
  repeatable: false,
});
