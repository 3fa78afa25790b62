import { proto } from "@whiskeysockets/baileys";
import { type Choose, oddBytes, oddText } from "../inbound-fuzz/values.ts";
import { messageType, readSchema, type SchemaField } from "./schema.ts";

const schema = readSchema();

/** Texts that parsers look into. */
const structuredTexts = [
  "BEGIN:VCARD\nFN:Ada\nTEL;waid=491:+49 1\nEND:VCARD",
  "TEL;waid=x:\n \nPHOTO:\n x",
  '{"display_text":"Yes","id":"yes","sections":[{"title":"A","rows":[{"id":"1","title":"B"}]}]}',
  '{"a":{"b":[1,null,{"c":"d"}]}}',
  "[",
  "[[[]]]",
  "https://a.example/?q=1",
  "4915550000001@s.whatsapp.net",
  "120363000000000001@g.us",
  "99@lid",
  "hello @4915550000001",
];
const numbers = [0, 1, 2, 3, 7, 10, 100, 1_800_000_000, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 53, -1];
const fractions = [0, -0, 52.52, -180, 1e308, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
/** Longer lists than these are in the tests of hostile input. */
const lengths = [0, 1, 1, 2, 3, 40, 300];
const maxDepth = 6;

/** Returns a random encoded message that has the field `name`, in up to five random wrappers. */
export function randomMessage(choose: Choose, name: string, wrappers: readonly string[]): Buffer {
  const field = fieldsOf(messageType).find((one) => one.name === name);
  if (!field) throw new Error(`proto.Message has no field ${name}`);
  let message: Record<string, unknown> = { [name]: randomValue(field.type, choose, 0) };
  if (choose.chance(0.3)) message.messageContextInfo = randomValue("MessageContextInfo", choose, 2);
  for (let depth = choose.one([0, 0, 1, 1, 2, 5]); depth > 0; depth--)
    message = { [choose.one(wrappers)]: { message } };
  return Buffer.from(proto.Message.encode(proto.Message.fromObject(message)).finish());
}

const fieldsOf = (type: string): readonly SchemaField[] => schema.messages.get(type) ?? [];

function randomValue(type: string, choose: Choose, depth: number): unknown {
  const values = schema.enums.get(type);
  if (values) return choose.chance(0.9) ? choose.one(values) : 99;
  if (schema.messages.has(type)) return randomFields(type, choose, depth);
  switch (type) {
    case "string":
      return choose.chance(0.4) ? choose.one(structuredTexts) : oddText(choose);
    case "bytes":
      return oddBytes(choose);
    case "bool":
      return choose.chance(0.7);
    case "double":
    case "float":
      return choose.one(fractions);
    default:
      return choose.one(numbers);
  }
}

function randomFields(type: string, choose: Choose, depth: number): Record<string, unknown> {
  if (depth >= maxDepth) return {};
  // A whole message inside of another one, such as a quoted one, has one field.
  const fields = type === messageType ? [choose.one(fieldsOf(type))] : fieldsOf(type);
  const kept = choose.one([0.2, 0.6, 1]) / (depth > 2 ? 2 : 1);
  const chosen = fields.filter(() => type === messageType || choose.chance(kept));
  return Object.fromEntries(
    chosen.map(({ name, type: inner, repeated }) => {
      if (!repeated) return [name, randomValue(inner, choose, depth + 1)];
      const length = depth > 3 ? 1 : choose.one(lengths);
      // A long list has the same item many times, which keeps the run fast.
      const item = randomValue(inner, choose, depth + 1);
      return [
        name,
        length > 3 ? Array(length).fill(item) : Array.from({ length }, () => randomValue(inner, choose, depth + 1)),
      ];
    }),
  );
}
