import type { proto } from "@whiskeysockets/baileys";

/** The fields of a file on WhatsApp's media host, by their names in `imageMessage` and the like. */
export type FilePart = Pick<
  proto.Message.IDocumentMessage,
  "mimetype" | "fileName" | "fileLength" | "fileSha256" | "mediaKey" | "directPath"
>;

/** A file, and the kind of file that its encryption key is derived for: `MEDIA_HKDF_KEY_MAPPING` in Baileys' Defaults. */
export interface FoundFile {
  kind: string;
  file: FilePart;
}

/** The parts of a message that can have a picture, film or document above its text. */
interface WithFile {
  imageMessage?: FilePart | null | undefined;
  videoMessage?: FilePart | null | undefined;
  documentMessage?: FilePart | null | undefined;
  productMessage?: proto.Message.IProductMessage | null | undefined;
}

/**
 * Returns the files inside the parts of a message, most important first: the header of a template, of buttons, or of an
 * interactive message, then its cards, the picture of a product or catalog, and the attachment of an invoice.
 */
export function nestedFiles(content: proto.IMessage): FoundFile[] {
  const { buttonsMessage, templateMessage, highlyStructuredMessage, interactiveMessage, invoiceMessage } = content;
  return [
    ...filesIn(buttonsMessage),
    ...templateFiles(templateMessage),
    ...templateFiles(highlyStructuredMessage?.hydratedHsm),
    ...interactiveFiles(interactiveMessage),
    ...productFiles(content.productMessage),
    ...invoiceFiles(invoiceMessage),
  ];
}

function templateFiles(template: proto.Message.ITemplateMessage | null | undefined): FoundFile[] {
  if (!template) return [];
  const { hydratedTemplate, hydratedFourRowTemplate, fourRowTemplate, interactiveMessageTemplate } = template;
  return [
    ...[hydratedTemplate, hydratedFourRowTemplate, fourRowTemplate].flatMap(filesIn),
    ...interactiveFiles(interactiveMessageTemplate),
  ];
}

function interactiveFiles(part: proto.Message.IInteractiveMessage | null | undefined): FoundFile[] {
  const cards = part?.carouselMessage?.cards ?? [];
  const footer = part?.footer?.audioMessage;
  return [
    ...filesIn(part?.header),
    ...cards.flatMap((card) => filesIn(card.header)),
    ...(footer ? [{ kind: "audio", file: footer }] : []),
  ];
}

function filesIn(part: WithFile | null | undefined): FoundFile[] {
  if (!part) return [];
  const { imageMessage, videoMessage, documentMessage, productMessage } = part;
  const files: [string, FilePart | null | undefined][] = [
    ["image", imageMessage],
    ["video", videoMessage],
    ["document", documentMessage],
  ];
  return [...files.flatMap(([kind, file]) => (file ? [{ kind, file }] : [])), ...productFiles(productMessage)];
}

const productFiles = (part: proto.Message.IProductMessage | null | undefined): FoundFile[] =>
  [part?.product?.productImage, part?.catalog?.catalogImage].flatMap((file) => (file ? [{ kind: "image", file }] : []));

/** An invoice has the fields of its file under names of its own. */
function invoiceFiles(invoice: proto.Message.IInvoiceMessage | null | undefined): FoundFile[] {
  if (!invoice?.attachmentDirectPath) return [];
  const file = {
    mimetype: invoice.attachmentMimetype ?? null,
    fileSha256: invoice.attachmentFileSha256 ?? null,
    mediaKey: invoice.attachmentMediaKey ?? null,
    directPath: invoice.attachmentDirectPath,
  };
  return [{ kind: invoice.attachmentType === 1 ? "document" : "image", file }];
}
