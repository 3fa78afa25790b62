import { expect, test } from "vitest";
import * as z from "zod";
import { boundText } from "../../../core/bound.ts";
import { Template } from "../../../core/bulk/template.ts";
import { commandCatalog } from "../../../core/command/catalog/index.ts";
import { readCommandEnvelope } from "../../../core/command/envelope.ts";
import { eventQueueText } from "../../../core/event-sink/allowed.ts";
import { normalRange } from "../../../core/http/ip-ranges.ts";
import { ingressMessage } from "../../../core/ingress/message.ts";
import { webhookUrl } from "../../../core/instance/setting/webhook.ts";
import { webhookHeaders } from "../../../core/instance-management/settings.ts";
import { fileName, inventedName, nameOfAttachment } from "../../../core/media/filename.ts";
import { storableType } from "../../../core/media/index.ts";
import { inlinePlace, mediaPlace } from "../../../core/media/inline.ts";
import { servedAs } from "../../../core/media/served.ts";
import { stagedFile } from "../../../core/media/staged.ts";
import { toChannelJid, toJid } from "../../../core/message/recipient.ts";
import { storableText } from "../../../core/text.ts";
import { allowedIps, emailAddress, timeZone } from "../../../core/user/field.ts";

/** Texts on which a careless reader needs quadratic time: much of what it looks for, without an end. */
const units = [
  ...["a", "1", " ", "\n", "-", "_", ".", ",", ";", ":", "=", "@", "/", "?", "#", "%", "%41", "+", "&", "\\", '"', "'"],
  ...["(", "[", "{", "<", "{{", "{{a", "{{a ", "}}", "=a", "a=", "a@", "@a.", "a.", "a-", "::", "1.", "1:"],
  ...["http://", "https://a.", "data:;a=b", "data:", ";base64,", "BEGIN:VCARD\n", "\nEND:VCARD ", "filename*=UTF-8''"],
  ...[
    "https://chat.whatsapp.com/",
    "whatsapp.com/channel/",
    "s.whatsapp.net",
    "@s.whatsapp.net",
    "\u0000",
    "\ud83d\ude00",
    "\ud800",
  ],
];
const repeated = (unit: string, characters: number) => unit.repeat(Math.ceil(characters / unit.length));
const attacks = units.flatMap((unit) => {
  const text = repeated(unit, 300_000);
  return [text, `${text}!`, `a${text}\n!`];
});
const shorterAttacks = units.map((unit) => `${repeated(unit, 100_000)}\n!`);
/** A quadratic reader takes many seconds for these texts, a linear one milliseconds. */
const maxMs = 1000;

function expectFast(run: (text: string) => unknown, texts = attacks): void {
  for (const attack of texts) {
    const start = performance.now();
    try {
      run(attack);
    } catch {
      // Only the time counts.
    }
    const took = performance.now() - start;
    if (took > maxMs) expect.fail(`${JSON.stringify(attack.slice(0, 20))}… took ${Math.round(took)} ms`);
  }
}

const parse = (schema: z.ZodType) => (text: string) => schema.safeParse(text);

test.each<[string, (text: string) => unknown]>([
  ["a file name", parse(fileName)],
  ["a served file", (text) => servedAs("inline", text, text)],
  ["a stored file name", nameOfAttachment],
  ["an invented file name", (text) => inventedName(text, text)],
  ["a media type", storableType],
  ["a place of a file", parse(mediaPlace)],
  ["an inline file", parse(inlinePlace)],
  ["a staged file", parse(stagedFile)],
  ["a template", (text) => new Template(text).expandedBytes(new Map([["a", text]]))],
  ["a recipient", toJid],
  ["a channel", toChannelJid],
  ["a webhook URL", parse(webhookUrl)],
  ["a webhook header", (text) => webhookHeaders.safeParse({ [text]: text })],
  ["an event queue", parse(eventQueueText)],
  ["an email address", parse(emailAddress)],
  ["IP ranges", (text) => allowedIps.safeParse([text])],
  ["an IP range", normalRange],
  ["a time zone", parse(timeZone)],
  ["a text to store", (text) => [storableText(text), boundText(text, 1000)]],
  ["a message of the command queue", readCommandEnvelope],
  [
    "a message of the ingress queue",
    (text) => ingressMessage.safeParse(filled(z.toJSONSchema(ingressMessage, draft), text)),
  ],
])("%s is read in linear time", (_what, run) => {
  expectFast(run);
});

const draft = { io: "input", unrepresentable: "any" } as const;

/** Returns a value of the shape of a JSON schema in which every string is `text`. */
function filled(schema: z.core.JSONSchema._JSONSchema, text: string): unknown {
  if (typeof schema === "boolean") return text;
  const choice = schema.anyOf?.[0] ?? schema.oneOf?.[0];
  if (choice) return filled(choice, text);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.type === "object") {
    return Object.fromEntries(
      Object.entries(schema.properties ?? {}).map(([name, value]) => [name, filled(value, text)]),
    );
  }
  if (schema.type === "array") return [filled(Array.isArray(schema.items) ? true : (schema.items ?? true), text)];
  if (schema.type === "integer" || schema.type === "number") return 1;
  return schema.type === "boolean" ? true : text;
}

test("the input of every command is read in linear time", () => {
  for (const { input } of Object.values(commandCatalog)) {
    const schema = z.toJSONSchema(input, draft);
    expectFast((text) => input.safeParse(filled(schema, text)), shorterAttacks);
  }
});
