import { callOutcomes } from "../../../../core/message/content/occasion/call.ts";
import type { Parse } from "../parse.ts";
import { countOf, enumOf, isoOfMs, Reader, referenceOf } from "../reader.ts";

/** WhatsApp's largest group call has 32 people. */
const maxParticipants = 256;
/** The values of `CallLogMessage.CallType` in WAProto. */
const callTypes = { 0: "regular", 1: "scheduled", 2: "voiceChat" } as const;

/** The order of `callOutcomes` is that of `CallLogMessage.CallOutcome` in WAProto. */
const outcomeOf = (value: number | null | undefined) => enumOf(callOutcomes, value);

export const parseCallLog: Parse<"callLogMesssage"> = (part, scope) => {
  const read = new Reader(scope);
  return {
    kind: "callLog",
    isVideo: part.isVideo === true,
    outcome: outcomeOf(part.callOutcome),
    durationSeconds: countOf(part.durationSecs),
    type: enumOf(callTypes, part.callType) ?? "regular",
    participants: read.list(part.participants, maxParticipants).flatMap(({ jid, callOutcome }) => {
      const id = read.jid(jid);
      return id ? [{ id, outcome: outcomeOf(callOutcome) }] : [];
    }),
  };
};

/** The values of `ScheduledCallCreationMessage.CallType` and `BCallMessage.MediaType` in WAProto. */
const isVideoOf = { 1: false, 2: true } as Readonly<Record<number, boolean>>;

export const parseScheduledCall: Parse<"scheduledCallCreationMessage"> = (part, scope) => ({
  ...{ kind: "scheduledCall", action: "scheduled", target: null },
  title: new Reader(scope).name(part.title),
  isVideo: isVideoOf[part.callType ?? 0] ?? null,
  startTime: isoOfMs(part.scheduledTimestampMs),
});

/** The only edit is the cancellation: `ScheduledCallEditMessage.EditType` in WAProto. */
export const parseScheduledCallEdit: Parse<"scheduledCallEditMessage"> = ({ key }) => ({
  ...{ kind: "scheduledCall", action: "canceled", title: "", isVideo: null, startTime: null },
  target: referenceOf(key),
});

export const parseBroadcastCall: Parse<"bcallMessage"> = ({ mediaType, caption }, scope) => ({
  kind: "broadcastCall",
  isVideo: isVideoOf[mediaType ?? 0] ?? null,
  caption: new Reader(scope).main(caption),
});
