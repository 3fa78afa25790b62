import { generateWAMessage, prepareWAMessageMedia, type proto, type WAUrlInfo } from "@whiskeysockets/baileys";
import type { CommandInput } from "../../core/command/catalog/index.ts";
import { AppError } from "../../core/error.ts";
import { firstLink } from "../../core/message/link.ts";
import type { PageInfo } from "../../core/message/link-page.ts";
import { isChannelJid } from "../../core/message/recipient.ts";
import { defined } from "../../core/object.ts";
import { within } from "../../core/timeout.ts";
import { type LinkPicture, pictureOf } from "../media/link-picture.ts";
import { parse } from "../media/parser.ts";
import { generationOptions, resolveRecipient, uploadIdleMs } from "./message.ts";
import { extrasOf } from "./message-extras.ts";
import type { PreparedMessage, SendContext } from "./types.ts";

/** Maximum sizes of what is fetched, in bytes. */
const maxPageBytes = 5 * 1024 * 1024;
const maxPictureBytes = 5 * 1024 * 1024;
/** How long a page or its picture may take, and a preview without which the text can be sent. Milliseconds. */
const previewMs = 10_000;

/** The parts of a preview that the caller gives. */
type Given = Pick<CommandInput<"message.sendLink">, "title" | "description" | "image">;

/** Prepares a link with a preview. Reads the page for the missing parts if the caller gives no title. */
export async function sendLink(
  context: SendContext,
  input: CommandInput<"message.sendLink">,
): Promise<PreparedMessage> {
  return await sendWithPreview(context, { ...input, text: input.url }, (jid) =>
    previewOf(context, jid, input.url, input),
  );
}

export async function sendText(
  context: SendContext,
  input: CommandInput<"message.sendText">,
): Promise<PreparedMessage> {
  const { text, linkPreview } = input;
  const url = linkPreview ? firstLink(text) : undefined;
  return await sendWithPreview(context, input, async (jid) => {
    // A page is fetched only if the caller requests it, not as a side effect of a text.
    if (url === undefined || !linkPreview) return null;
    if (linkPreview !== true) return await previewOf(context, jid, url, linkPreview);
    const late = () => new AppError("media_not_usable", `no preview within ${previewMs} ms`);
    return await within(previewMs, previewOf(context, jid, url, {}), late).catch(() => null);
  });
}

async function sendWithPreview(
  context: SendContext,
  input: Omit<CommandInput<"message.sendText">, "linkPreview">,
  makePreview: (jid: string) => Promise<WAUrlInfo | null>,
): Promise<PreparedMessage> {
  const jid = await resolveRecipient(context.sock, input.to);
  const extras = await extrasOf(context, jid, input);
  const linkPreview = await makePreview(jid);
  const { message } = await generateWAMessage(
    jid,
    { text: input.text, linkPreview, ...extras.content },
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

/** Returns the preview of a link. Throws `media_not_usable` if its page can't be read or has no title. */
async function previewOf(context: SendContext, jid: string, url: string, given: Given): Promise<WAUrlInfo> {
  const page = given.title === undefined ? await readPageAt(context, url) : undefined;
  const title = given.title ?? page?.title;
  if (title === undefined) throw new AppError("media_not_usable", "the page has no title: pass a title in `title`");
  const description = given.description ?? page?.description;
  // The files of a channel are not encrypted, and Baileys encrypts the large picture.
  const upload = isChannelJid(jid) ? undefined : (large: Large) => uploadLarge(context, large);
  const picture = await fetchPicture(context, given.image, page, upload);
  return { "canonical-url": url, "matched-text": url, title, ...defined({ description, ...picture }) };
}

type Large = NonNullable<LinkPicture["large"]>;
type Uploaded = Pick<WAUrlInfo, "jpegThumbnail" | "highQualityThumbnail">;

async function readPageAt(context: SendContext, url: string): Promise<PageInfo> {
  const { media, instanceId, signal } = context;
  const limits = { maxBytes: maxPageBytes, timeoutMs: previewMs, signal };
  return await media.useSmall(instanceId, { url }, limits, (path) => parse(context, { name: "page", path, url }));
}

/**
 * Returns the picture of a preview, small and, after its upload, large. If the picture can't be fetched, throws if the caller
 * named it, and returns nothing if the page did.
 */
async function fetchPicture(
  context: SendContext,
  given: string | undefined,
  page: PageInfo | undefined,
  upload: ((large: Large) => Promise<proto.Message.IImageMessage | undefined>) | undefined,
): Promise<Uploaded> {
  const { media, instanceId, signal } = context;
  const limits = { maxBytes: maxPictureBytes, timeoutMs: previewMs, signal };
  const fetched = (url: string) =>
    media.useSmall(instanceId, { url }, limits, async (path): Promise<Uploaded> => {
      const { small: jpegThumbnail, large } = await pictureOf(context, path);
      const highQualityThumbnail = large && (await upload?.(large));
      return defined({ jpegThumbnail, highQualityThumbnail });
    });
  if (given !== undefined) return await fetched(given);
  return page?.image === undefined ? {} : await fetched(page.image).catch(() => ({}));
}

/** Uploads the large picture of a preview, as `getUrlInfo` in Baileys' Utils/link-preview.ts does. */
async function uploadLarge(
  { sock }: SendContext,
  { path, width, height }: Large,
): Promise<proto.Message.IImageMessage | undefined> {
  // Null prevents Baileys from making a thumbnail, for which it needs a library.
  const image = { image: { url: path }, mimetype: "image/jpeg", width, height, jpegThumbnail: null as never };
  const options = {
    upload: sock.waUploadToServer,
    mediaTypeOverride: "thumbnail-link" as const,
    mediaUploadTimeoutMs: uploadIdleMs,
  };
  return (await prepareWAMessageMedia(image, options)).imageMessage ?? undefined;
}
