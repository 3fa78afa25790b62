import * as z from "zod";
import { defineContent } from "../define.ts";
import { firstText, keyOf, messageReference } from "../parts.ts";

export const callOutcomes = [
  "connected",
  "missed",
  "failed",
  "rejected",
  "acceptedElsewhere",
  "ongoing",
  "silencedByDoNotDisturb",
  "silencedUnknownCaller",
] as const;

export const callLog = defineContent({
  kind: "callLog",
  summary: "The entry of a call in a chat",
  schema: z.object({
    kind: z.literal("callLog"),
    isVideo: z.boolean(),
    outcome: z.enum(callOutcomes).nullable(),
    durationSeconds: z.number().int().nullable(),
    type: z.enum(["regular", "scheduled", "voiceChat"]),
    participants: z.array(
      z.object({
        /** JID. */
        id: z.string(),
        outcome: z.enum(callOutcomes).nullable(),
      }),
    ),
  }),
  text: ({ isVideo, outcome, type }) => {
    const noun = type === "voiceChat" ? "Voice chat" : isVideo ? "Video call" : "Voice call";
    return outcome ? `${noun}: ${outcome.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)}` : noun;
  },
  protobuf: ({ isVideo, outcome, durationSeconds, participants }) => ({
    isVideo,
    callOutcome: outcome ? callOutcomes.indexOf(outcome) : undefined,
    durationSecs: durationSeconds ?? undefined,
    participants: participants.map(({ id }) => ({ jid: id })),
  }),
});

export const scheduledCall = defineContent({
  kind: "scheduledCall",
  summary: "A call that a person scheduled or canceled",
  schema: z.object({
    kind: z.literal("scheduledCall"),
    action: z.enum(["scheduled", "canceled"]),
    title: z.string(),
    isVideo: z.boolean().nullable(),
    /** In ISO 8601. */
    startTime: z.string().nullable(),
    /** The message that scheduled the canceled call. */
    target: messageReference.nullable(),
  }),
  text: ({ action, title }) => firstText(title, action === "canceled" ? "Scheduled call canceled" : "Scheduled call"),
  protobuf: ({ action, title, startTime, target }) =>
    action === "canceled"
      ? { key: keyOf(target) }
      : { title, scheduledTimestampMs: startTime ? Date.parse(startTime) : undefined },
});

export const broadcastCall = defineContent({
  kind: "broadcastCall",
  summary: "An invitation to a broadcast call",
  schema: z.object({
    kind: z.literal("broadcastCall"),
    isVideo: z.boolean().nullable(),
    caption: z.string(),
  }),
  text: ({ caption }) => firstText(caption, "Broadcast call"),
  protobuf: ({ caption }) => ({ caption }),
});
