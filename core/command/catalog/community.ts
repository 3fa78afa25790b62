import * as z from "zod";
import { defineCommand } from "./define.ts";
import { description, group, groupId, participantResult, participants, subject } from "./group.ts";

/** A group of a community, as all of its members see it who need not be in the group. */
const linked = z.object({
  /** JID. */
  id: z.string(),
  subject: z.string(),
  /** Null where WhatsApp does not tell. */
  size: z.int().nullable(),
  /** Whether it is the group in which the community's admins write to everybody. */
  announcements: z.boolean(),
});
export type LinkedGroup = z.output<typeof linked>;

const summary = group.pick({ id: true, subject: true, description: true, owner: true, createdAt: true, size: true });
export type CommunitySummary = z.output<typeof summary>;

/** A community: a group that holds groups, and in which nobody writes. */
const community = summary.extend({ participants: group.shape.participants, groups: z.array(linked) });
export type CommunityDetails = z.output<typeof community>;

const which = z.object({ community: groupId });
const both = which.extend({ group: groupId });
const nothing = z.object({});
const errors = ["group_not_found", "forbidden", "whatsapp_error"] as const;

export const list = defineCommand({
  name: "community.list",
  kind: "query",
  summary: "List the communities that the account is in",
  input: nothing,
  output: z.object({ communities: z.array(summary) }),
  errors: ["whatsapp_error"],
});

export const get = defineCommand({
  name: "community.get",
  kind: "query",
  summary: "Get a community, its members and its groups",
  input: which,
  output: community,
  errors,
});

export const create = defineCommand({
  name: "community.create",
  kind: "mutate",
  summary: "Make a community, which has a group for its announcements from the beginning",
  input: z.object({ subject, description: description.optional() }),
  output: community,
  errors: ["forbidden", "outcome_unknown", "whatsapp_error"],
  repeatable: false,
});

export const createGroup = defineCommand({
  name: "community.createGroup",
  kind: "mutate",
  summary: "Make a group in a community",
  input: which.extend({ subject, participants }),
  output: z.object({ group, participants: z.array(participantResult) }),
  errors: [...errors, "recipient_not_on_whatsapp", "outcome_unknown"],
  repeatable: false,
});

export const linkGroup = defineCommand({
  name: "community.linkGroup",
  kind: "mutate",
  summary: "Put a group into a community, as an admin of both; its members become members of the community",
  input: both,
  output: nothing,
  errors: [...errors, "conflict"],
  repeatable: true,
});

export const unlinkGroup = defineCommand({
  name: "community.unlinkGroup",
  kind: "mutate",
  summary: "Take a group out of a community; its members stay in both",
  input: both,
  output: nothing,
  errors: [...errors, "conflict", "outcome_unknown"],
  // A second time it is no longer in it, which reads as a failure.
  repeatable: false,
});

export const leave = defineCommand({
  name: "community.leave",
  kind: "mutate",
  summary: "Leave a community and all of its groups",
  input: which,
  output: nothing,
  errors: [...errors, "outcome_unknown"],
  repeatable: false,
});
