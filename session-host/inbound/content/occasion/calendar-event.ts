import type { proto } from "@whiskeysockets/baileys";
import { maxBytes } from "../../../../core/bound.ts";
import { coordinatesOf } from "../location.ts";
import type { Parse, Scope } from "../parse.ts";
import { countOrNull, instantOrNull, textOrNull } from "../values.ts";

export const parseCalendarEvent: Parse<"eventMessage"> = (part, scope) => ({
  kind: "event",
  name: part.name ?? "",
  description: textOrNull(scope, part.description),
  location: part.location ? placeOf(part.location, scope) : null,
  startTime: instantOrNull(part.startTime),
  endTime: instantOrNull(part.endTime),
  joinLink: textOrNull(scope, part.joinLink, maxBytes.path),
  isCall: part.isScheduleCall === true,
  isCanceled: part.isCanceled === true,
  extraGuestsAllowed: part.extraGuestsAllowed === true,
  reminderSeconds: part.hasReminder === true ? (countOrNull(part.reminderOffsetSec) ?? 0) : null,
});

const placeOf = (place: proto.Message.ILocationMessage, scope: Scope) => ({
  name: textOrNull(scope, place.name),
  address: textOrNull(scope, place.address),
  ...coordinatesOf(place),
});
