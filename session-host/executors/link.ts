import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateWAMessage } from "@whiskeysockets/baileys";
import type { CommandInput } from "../../core/command/catalog/index.ts";
import { AppError } from "../../core/error.ts";
import { recognize } from "../../core/media/kind.ts";
import { type PageInfo, readPage } from "../../core/message/link-page.ts";
import { preview } from "../media/transcode.ts";
import { contextOf } from "./context.ts";
import { generationOptions, resolveRecipient } from "./message.ts";
import type { PreparedMessage, SendContext } from "./types.ts";

/** Bytes. What is larger is no page to be read for its head, and no picture of a preview. */
const maxPage = 5 * 1024 * 1024;
const maxPicture = 5 * 1024 * 1024;
/** A JPEG that is so small travels in the message as it is; as ours of films do. */
const maxThumbnail = 32 * 1024;

/** A link with what is given of its page, and the rest from the page itself where no title is given. */
export async function sendLink(
  context: SendContext,
  input: CommandInput<"message.sendLink">,
): Promise<PreparedMessage> {
  const { url } = input;
  const jid = await resolveRecipient(context.sock, input.to);
  const said = await contextOf(context, jid, input);
  const page = input.title === undefined ? await look(context, url) : undefined;
  const title = input.title ?? page?.title;
  if (title === undefined) throw new AppError("media_not_usable", "the page has no title: give one");
  const description = input.description ?? page?.description;
  const picture = await thumbnail(context, input.image, page);
  const { message } = await generateWAMessage(
    jid,
    {
      text: url,
      linkPreview: {
        "canonical-url": url,
        "matched-text": url,
        title,
        ...(description === undefined ? {} : { description }),
        ...(picture === undefined ? {} : { jpegThumbnail: picture }),
      },
      ...said.content,
    },
    { ...generationOptions(context), ...said.options },
  );
  return {
    jid,
    message: message ?? {},
    type: "text",
    protoType: "extendedTextMessage",
    media: null,
    context: said.context,
  };
}

async function look({ media, instanceId }: SendContext, url: string): Promise<PageInfo> {
  const bytes = await media.take(instanceId, { url }, maxPage);
  return readPage(bytes.toString("utf8"), url);
}

/** A small JPEG. What the caller names must be there; what only the page names is worth no failure. */
async function thumbnail(
  { media, instanceId }: SendContext,
  given: string | undefined,
  page: PageInfo | undefined,
): Promise<Buffer | undefined> {
  if (given !== undefined) return await shrunk(await media.take(instanceId, { url: given }, maxPicture));
  if (page?.image === undefined) return undefined;
  const bytes = await media.take(instanceId, { url: page.image }, maxPicture).catch(() => undefined);
  return bytes && (await shrunk(bytes));
}

/** Without ffmpeg only what is small already is shown. */
async function shrunk(bytes: Buffer): Promise<Buffer | undefined> {
  if (bytes.length <= maxThumbnail && bytes.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff]))) return bytes;
  const folder = await mkdtemp(join(tmpdir(), "switchboard-"));
  try {
    const path = join(folder, "picture");
    await writeFile(path, bytes, { mode: 0o600 });
    const recognized = await recognize(path, "application/octet-stream");
    return recognized.kind === "image" ? await preview(path, recognized).catch(() => undefined) : undefined;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
