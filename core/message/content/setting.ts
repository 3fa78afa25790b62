import * as z from "zod";
import { defineContent } from "./define.ts";
import { firstText } from "./parts.ts";

export const disappearingTimer = defineContent({
  kind: "disappearingTimer",
  summary: "A change of the timer after which the messages of the chat disappear",
  schema: z.object({
    kind: z.literal("disappearingTimer"),
    /** 0 turns the timer off. */
    seconds: z.number().int(),
  }),
  text: ({ seconds }) =>
    seconds > 0 ? `Messages disappear after ${durationText(seconds)}` : "Disappearing messages turned off",
  protobuf: ({ seconds }) => ({ type: "EPHEMERAL_SETTING", ephemeralExpiration: seconds }),
});

function durationText(seconds: number): string {
  const units = [
    [86_400, "day"],
    [3_600, "hour"],
    [60, "minute"],
  ] as const;
  const [length, noun] = units.find(([unit]) => seconds % unit === 0) ?? ([1, "second"] as const);
  const count = seconds / length;
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

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
