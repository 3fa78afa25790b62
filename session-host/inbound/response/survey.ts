import type { proto } from "@whiskeysockets/baileys";
import { boundCount, boundText, maxBytes, maxInteger } from "../../../core/bound.ts";
import type { EventDetails, MessageContext, PollDetails } from "../../../core/message/context.ts";
import { defined } from "../../../core/object.ts";

/** Returns the poll of a message, or undefined if the message is not a poll. */
export function pollOf(content: proto.IMessage): PollDetails | undefined {
  const poll =
    content.pollCreationMessage ??
    content.pollCreationMessageV2 ??
    content.pollCreationMessageV3 ??
    content.pollCreationMessageV5;
  if (!poll) return undefined;
  const options = (poll.options ?? []).map(({ optionName }) => optionName ?? "");
  return { options, selectableCount: boundCount(poll.selectableOptionsCount ?? 0, maxInteger) ?? 0 };
}

function calendarEventOf({ eventMessage }: proto.IMessage): EventDetails | undefined {
  if (!eventMessage) return undefined;
  const { description, location, startTime, endTime, isCanceled, extraGuestsAllowed } = eventMessage;
  return {
    type: null,
    description: boundText(description ?? "", maxBytes.detail),
    location: location?.name ? boundText(location.name, maxBytes.detail) : null,
    startTime: isoOf(startTime),
    endTime: isoOf(endTime),
    canceled: isCanceled ?? false,
    extraGuestsAllowed: extraGuestsAllowed ?? false,
  };
}

/** Converts Unix seconds to ISO 8601. Returns null if the time is missing, or if `Date` cannot represent the time. */
function isoOf(seconds: Parameters<typeof Number>[0]): string | null {
  const at = new Date(Number(seconds ?? 0) * 1000);
  return Number(seconds ?? 0) > 0 && !Number.isNaN(at.getTime()) ? at.toISOString() : null;
}

/** Returns the details of a poll or calendar event for the column `context`. Empty for any other message. */
export function surveyIn(content: proto.IMessage): Pick<MessageContext, "poll" | "event"> {
  return defined({ poll: pollOf(content), event: calendarEventOf(content) });
}
