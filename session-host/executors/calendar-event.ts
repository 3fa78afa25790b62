import type { EventMessageOptions } from "@whiskeysockets/baileys";
import type { CommandInput } from "../../core/command/catalog/index.ts";
import { defined } from "../../core/object.ts";
import { prepareContent } from "./message-content.ts";
import type { PreparedMessage, SendContext } from "./types.ts";

export async function sendEvent(
  context: SendContext,
  input: CommandInput<"message.sendEvent">,
): Promise<PreparedMessage> {
  const { name, description, location, extraGuestsAllowed = false } = input;
  const startDate = wholeSecond(input.startTime);
  const endDate = input.endTime === undefined ? undefined : wholeSecond(input.endTime);
  const event: EventMessageOptions = {
    name,
    startDate,
    extraGuestsAllowed,
    ...defined({ description, endDate, location: location === undefined ? undefined : placeOf(location) }),
  };
  const message = await prepareContent(context, input, { event }, "event");
  const details = {
    type: input.event,
    description: description ?? "",
    location: location === undefined ? null : typeof location === "string" ? location : location.name,
    startTime: startDate.toISOString(),
    endTime: endDate?.toISOString() ?? null,
    canceled: false,
    extraGuestsAllowed,
  };
  return { ...message, context: { ...message.context, event: details } };
}

/** Rounds a time down to a whole second, because WhatsApp stores seconds. */
function wholeSecond(text: string): Date {
  return new Date(Math.floor(Date.parse(text) / 1000) * 1000);
}

type Place = NonNullable<CommandInput<"message.sendEvent">["location"]>;

function placeOf(location: Place): NonNullable<EventMessageOptions["location"]> {
  if (typeof location === "string") return { name: location };
  const { name, address, latitude, longitude } = location;
  return { name, ...defined({ address, degreesLatitude: latitude, degreesLongitude: longitude }) };
}
