import { writeFileSync } from "node:fs";
import { proto } from "@whiskeysockets/baileys";
import { type ContentKind, contentKinds } from "../../../core/message/content/index.ts";
import { parseEvent } from "../../../core/webhook/body/event.ts";
import { bodyOf } from "../../../core/webhook/body/index.ts";
import { unwrap } from "../../../session-host/inbound/content/unwrap.ts";
import { toRow } from "../../../session-host/inbound/message/journal.ts";
import { contentCases } from "../content/cases.ts";

const instanceId = "01a1ff38-f953-75da-86d8-a1122f8ae6a2";
const seconds = 1_800_000_000;
const origin = {
  ...{ instanceId, me: { id: "4915550000001@s.whatsapp.net", lid: "" }, pushName: "Bob", seconds },
  key: { remoteJid: "4915550000002@s.whatsapp.net", id: "3EB0EXAMPLE", fromMe: false },
};

/** Field 999 with the bytes "new", which the protobuf definition does not have. */
const newer = Buffer.from([0xba, 0x3e, 0x03, ...Buffer.from("new")]);

const examples: readonly (readonly [title: string, encoded: Uint8Array])[] = [
  ...Object.entries(contentCases).map(
    ([title, { message }]) => [title, proto.Message.encode(proto.Message.fromObject(message)).finish()] as const,
  ),
  ["a message that is newer than this version", newer],
];

/** An example of a message, and the parts of its webhooks that depend on its kind. */
interface Example {
  title: string;
  kind: ContentKind;
  content: unknown;
  multiInstance: unknown;
  gateway: unknown;
}

const pick = (data: Record<string, unknown>, names: readonly string[]) =>
  Object.fromEntries(names.flatMap((name) => (name in data ? [[name, data[name]]] : [])));

async function exampleOf(title: string, encoded: Uint8Array): Promise<Example | undefined> {
  const message = proto.Message.decode(encoded);
  const cuts = { truncated: false, contextTruncated: false };
  const row = await toRow(origin, { message, opened: unwrap(message, encoded), encoded, ...cuts }, async () => null);
  if (!row?.event || !row.content) return undefined;
  const { type, data } = row.event;
  const at = new Date(seconds * 1000).toISOString();
  const event = parseEvent(
    JSON.stringify({ v: 1, id: instanceId, instanceId, seq: 1, type, data, correlationId: null, at }),
  );
  const bodyIn = (dialect: "gateway" | "multi-instance") => {
    const all = { notifyReceived: true, notifySent: true, notifyDelivery: true, notifyRead: true };
    return JSON.parse(bodyOf(event, { dialect, ownJid: null, openQr: String, ...all }, null) ?? "{}").data;
  };
  return {
    title,
    kind: row.content.kind,
    content: row.content,
    multiInstance: pick(bodyIn("multi-instance"), ["body", "type", "messageType", "poll", "event"]),
    gateway: pick(bodyIn("gateway"), ["type", "message"]),
  };
}

/** Returns JSON text with short objects and lists on one line. */
function compactJson(value: unknown, indent = ""): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const isList = Array.isArray(value);
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  const itemsAt = (at: string) =>
    isList
      ? value.map((item) => compactJson(item, at))
      : Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${compactJson(item, at)}`);
  const items = itemsAt(`${indent}  `);
  if (items.length === 0) return `${open}${close}`;
  const space = isList ? "" : " ";
  const line = `${open}${space}${items.join(", ")}${space}${close}`;
  if (line.length + indent.length <= 110 && !line.includes("\n")) return line;
  return `${open}\n${items.map((item) => `${indent}  ${item}`).join(",\n")}\n${indent}${close}`;
}

const block = (value: unknown) => ["```json", compactJson(value), "```", ""];

function kindSection(kind: ContentKind, found: readonly Example[]): string[] {
  const [first, ...others] = found;
  if (!first) throw new Error(`no example of the kind ${kind}`);
  return [
    `## ${kind}`,
    "",
    `${contentKinds[kind].summary}. The example is ${first.title}.`,
    "",
    ...block(first.content),
    "In `data` of the Multi-Instance API:",
    "",
    ...block(first.multiInstance),
    "In `data` of the Gateway API:",
    "",
    ...block(first.gateway),
    ...others.flatMap(({ title, content }) => [`Content of ${title}:`, "", ...block(content)]),
  ];
}

const sources = [
  "## Sources",
  "",
  "The field names and numbers are those of WhatsApp's protobuf, as Baileys has it (`WAProto/WAProto.proto`). What its apps show of them:",
  "",
  "- Templates, buttons, lists, interactive messages and choices: `pkg/msgconv/wa-business.go` in mautrix-whatsapp.",
  "- Masked one-time codes, group invitations, shared history and answers of Meta AI: `pkg/msgconv/wa-misc.go` in mautrix-whatsapp.",
  "- Comments: `commentTarget` in `pkg/msgconv/from-whatsapp.go` of mautrix-whatsapp. Their encryption: `msgsecret.go` in whatsmeow.",
  "- The message `call` has the key of a call and isn't a message for people:",
  "  [waha#840](https://github.com/devlikeapro/waha/issues/840).",
  "- Which key a file above a text is encrypted with: `MEDIA_HKDF_KEY_MAPPING` in Baileys' `lib/Defaults/index.js`.",
];

/** Returns the page `docs/reference/content.md`. */
export async function contentPage(): Promise<string> {
  const found = (await Promise.all(examples.map(([title, encoded]) => exampleOf(title, encoded)))).filter(
    (example) => example !== undefined,
  );
  const kinds = (Object.keys(contentKinds) as ContentKind[]).sort();
  const lines = [
    "# Content of messages",
    "",
    "After reading this page, you can read each kind of message from a webhook, an event or the history.",
    "",
    "`npm run docs` writes this page from the declarations in `core/message/content` and the examples in",
    "`tests/support/content`.",
    "",
    "The field `content` says what a message contains. It is in the data of the events `message.received`, `message.sent` and",
    "`status.received`, in `data` of their webhooks in both APIs, and in both histories. In the history of the Multi-Instance API, the",
    "field is called `messageContent`, because `content` is the text there. `kind` names the variant. A missing value is null, and a missing",
    "list is empty. `content` is null for messages of versions before this field; `npm run reparse` fills it in for those whose protobuf is",
    "stored.",
    "",
    "Other fields stay as they are. `body` has a line of text for each kind. In the Gateway API, `message` has the fields that a client of",
    "Baileys looks for. All wrappers of WhatsApp's protobuf are opened. New kinds and new fields can be added at any time: handle a kind that",
    "you don't know like `unknown`.",
    "",
    "For a file, the fields `media` and `hasMedia` of the webhooks and histories have the file itself. The examples don't show them. The file",
    "of a template, of buttons, of an interactive message, of a product or of an invoice is the picture, film or document above its text,",
    "otherwise that of its first card with a file.",
    "",
    "Thumbnails are in Base64, up to 24 KiB; a larger one is null. Long texts and lists are cut, and the event then has `truncated`.",
    "",
    `The kinds are ${kinds.map((kind) => `[${kind}](#${kind.toLowerCase()})`).join(", ")}.`,
    "",
    ...kinds.flatMap((kind) =>
      kindSection(
        kind,
        found.filter((example) => example.kind === kind),
      ),
    ),
    ...sources,
  ];
  return `${lines.join("\n").trimEnd()}\n`;
}

if (import.meta.main) writeFileSync("docs/reference/content.md", await contentPage());
