import { readFile, stat } from "node:fs/promises";
import { generateWAMessage } from "@whiskeysockets/baileys";
import type { CommandInput } from "../../core/command/catalog/index.ts";
import { AppError } from "../../core/error.ts";
import type { PageInfo } from "../../core/message/link-page.ts";
import { defined } from "../../core/object.ts";
import type { Owner } from "../concurrency/fair-turns.ts";
import { parse } from "../media/parser.ts";
import { preview } from "../media/transcode.ts";
import { generationOptions, resolveRecipient } from "./message.ts";
import { extrasOf } from "./message-extras.ts";
import type { PreparedMessage, SendContext } from "./types.ts";

/** Maximum sizes of what is fetched, in bytes. */
const maxPageBytes = 5 * 1024 * 1024;
const maxPictureBytes = 5 * 1024 * 1024;
/** A JPEG up to this size is put into the message unchanged, in bytes. Thumbnails of videos have the same limit. */
const maxThumbnailBytes = 32 * 1024;

/** Prepares a link with a preview. Reads the page for the missing parts if the caller gives no title. */
export async function sendLink(
  context: SendContext,
  input: CommandInput<"message.sendLink">,
): Promise<PreparedMessage> {
  const { url } = input;
  const jid = await resolveRecipient(context.sock, input.to);
  const extras = await extrasOf(context, jid, input);
  const page = input.title === undefined ? await readPageAt(context, url) : undefined;
  const title = input.title ?? page?.title;
  if (title === undefined) throw new AppError("media_not_usable", "the page has no title: pass a title in `title`");
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
        ...defined({ description, jpegThumbnail: picture }),
      },
      ...extras.content,
    },
    { ...generationOptions(context), ...extras.options },
  );
  return {
    jid,
    message: message ?? {},
    type: "text",
    protoType: "extendedTextMessage",
    media: null,
    context: extras.context,
  };
}

async function readPageAt(context: SendContext, url: string): Promise<PageInfo> {
  const { media, instanceId } = context;
  return await media.useSmall(instanceId, { url }, maxPageBytes, (path) => parse(context, { name: "page", path, url }));
}

/**
 * Returns a small JPEG. If a picture can't be fetched, throws if the caller named the picture, and returns undefined if
 * the page did.
 */
async function thumbnail(
  context: SendContext,
  given: string | undefined,
  page: PageInfo | undefined,
): Promise<Buffer | undefined> {
  const { media, instanceId } = context;
  const fetched = (url: string) =>
    media.useSmall(instanceId, { url }, maxPictureBytes, (path) => shrink(context, path));
  if (given !== undefined) return await fetched(given);
  return page?.image === undefined ? undefined : await fetched(page.image).catch(() => undefined);
}

/**
 * Returns a picture as a small JPEG. Returns undefined if the file is not a picture, or if the picture is not a small
 * JPEG and ffmpeg is not installed.
 */
async function shrink(owner: Owner, path: string): Promise<Buffer | undefined> {
  const { size } = await stat(path);
  if (size <= maxThumbnailBytes) {
    const bytes = await readFile(path);
    if (bytes.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff]))) return bytes;
  }
  const recognized = await parse(owner, { name: "recognize", path, claimed: "application/octet-stream" });
  return recognized.kind === "image" ? await preview(owner, path, recognized).catch(() => undefined) : undefined;
}
