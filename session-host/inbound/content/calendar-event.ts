import type { proto } from "@whiskeysockets/baileys";
import { maxBytes } from "../../../core/bound.ts";
import { coordinatesOf } from "./location.ts";
import type { Parse } from "./parse.ts";
import { countOrNull, instantOrNull, textOrNull } from "./values.ts";

export const parseCalendarEvent: Parse<"eventMessage"> = (part) => ({
  kind: "event",
  name: part.name ?? "",
  description: textOrNull(part.description),
  location: part.location ? placeOf(part.location) : null,
  startTime: instantOrNull(part.startTime),
  endTime: instantOrNull(part.endTime),
  joinLink: textOrNull(part.joinLink, maxBytes.path),
  isCall: part.isScheduleCall === true,
  isCanceled: part.isCanceled === true,
  extraGuestsAllowed: part.extraGuestsAllowed === true,
  reminderSeconds: part.hasReminder === true ? (countOrNull(part.reminderOffsetSec) ?? 0) : null,
});

const placeOf = (place: proto.Message.ILocationMessage) => ({
  name: textOrNull(place.name),
  address: textOrNull(place.address),
  ...coordinatesOf(place),
});
