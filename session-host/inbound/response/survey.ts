import { proto } from "@whiskeysockets/baileys";
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

/**
 * Returns the columns to store for a received poll or calendar event: its details for the history, and as the payload
 * the encoded message. The message contains the secret that decrypts the answers.
 */
export function surveyIn(
  content: proto.IMessage,
  secret: Uint8Array | null | undefined,
): { context: Pick<MessageContext, "poll" | "event">; payload: string } | undefined {
  const [poll, event] = [pollOf(content), calendarEventOf(content)];
  if (!poll && !event) return undefined;
  const kept = proto.Message.encode({ ...content, messageContextInfo: secret ? { messageSecret: secret } : {} });
  return { context: defined({ poll, event }), payload: Buffer.from(kept.finish()).toString("base64") };
}
