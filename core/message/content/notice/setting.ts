import * as z from "zod";
import { defineContent } from "../define.ts";
import { firstText } from "../parts.ts";

export const limitSharing = defineContent({
  kind: "limitSharing",
  summary: "A change of the setting that keeps people from sharing the messages of the chat",
  schema: z.object({ kind: z.literal("limitSharing"), limited: z.boolean() }),
  text: ({ limited }) => `Advanced chat privacy turned ${limited ? "on" : "off"}`,
  protobuf: ({ limited }) => ({ type: "LIMIT_SHARING", limitSharing: { sharingLimited: limited } }),
});

export const memberLabel = defineContent({
  kind: "memberLabel",
  summary: "A change of the label that a member of a group has beside the name",
  schema: z.object({
    kind: z.literal("memberLabel"),
    /** Empty if the member removed the label. */
    label: z.string(),
  }),
  text: ({ label }) => firstText(label, "Label removed"),
  protobuf: ({ label }) => ({ type: "GROUP_MEMBER_LABEL_CHANGE", memberLabel: { label } }),
});
