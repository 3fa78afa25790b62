import { Ajv } from "ajv";
import formats from "ajv-formats";
import { asyncApi } from "../../../functions/api/document/asyncapi.ts";
import type { StreamMessage } from "./event-stream.ts";

type Channel = "stream" | "instance-stream";

// The module's type is that of its CommonJS form.
const addFormats = formats as unknown as (ajv: Ajv) => void;

/** Returns what differs between messages of a real stream and what the AsyncAPI document says about its channel. */
export function contractOf(channel: Channel): (messages: readonly StreamMessage[]) => string[] {
  // biome-ignore lint/suspicious/noExplicitAny: a document of many shapes
  const document = asyncApi() as any;
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats(ajv);
  ajv.addSchema({ $id: "asyncapi", ...document });
  const messages: Record<string, { $ref: string }> = document.channels[channel].messages;
  const check = (key: string, part: "payload" | "headers", value: unknown): string[] => {
    const reference = messages[key];
    if (!reference) return [`the channel has no message ${key}`];
    const validate = ajv.getSchema(`asyncapi${reference.$ref}/${part}`);
    if (!validate) return [`${key} has no ${part}`];
    return validate(value) ? [] : [`${key}: ${ajv.errorsText(validate.errors)}`];
  };
  return (found) =>
    found.flatMap((message) => {
      const key = keyOf(message);
      const headers = { ...(message.id && { id: message.id }), ...(message.event !== "message" && message) };
      // Events are those of the queues, so the channel describes their ids.
      const ofStream = key.startsWith("event.") ? [] : check(key, "headers", headers);
      return [...check(key, "payload", message.data), ...ofStream];
    });
}

/** Returns the key of a message in the channel. */
function keyOf({ event, data }: StreamMessage): string {
  if (event !== "message") return `stream.${event}`;
  if (data.v === 1) return `event.${data.type}`;
  return `webhook.${data.event.includes(".") ? "gateway" : "multi-instance"}.${data.event}`;
}
