import type { proto } from "@whiskeysockets/baileys";
import {
  type Button,
  type Card,
  type Header,
  maxButtons,
  maxRows,
  maxSections,
  type Section,
} from "../../../../core/message/content/parts.ts";
import { listField, type Reader, textField } from "../reader.ts";

/** The parts of a header, by their names in all messages that have one. */
interface HeaderParts {
  title?: string | null | undefined;
  subtitle?: string | null | undefined;
  imageMessage?: unknown;
  videoMessage?: unknown;
  documentMessage?: unknown;
  locationMessage?: proto.Message.ILocationMessage | null | undefined;
  productMessage?: proto.Message.IProductMessage | null | undefined;
}

const noButton = { id: null, url: null, phone: null, copyText: null, sections: [], name: null, paramsJson: null };

/** Returns the header of a message, or null if it is empty. */
export function headerOf(parts: HeaderParts, read: Reader): Header | null {
  const { locationMessage: place, productMessage } = parts;
  const header: Header = {
    title: read.name(parts.title),
    subtitle: read.orNull(read.name(parts.subtitle)),
    media: parts.imageMessage || productMessage?.product?.productImage ? "image" : mediaOf(parts),
    location: place
      ? {
          latitude: finite(place.degreesLatitude),
          longitude: finite(place.degreesLongitude),
          name: read.orNull(read.name(place.name)),
          address: read.orNull(read.name(place.address)),
        }
      : null,
    productId: read.id(productMessage?.product?.productId),
  };
  const isEmpty = !header.title && !header.subtitle && !header.media && !header.location && !header.productId;
  return isEmpty ? null : header;
}

const mediaOf = ({ videoMessage, documentMessage }: HeaderParts): Header["media"] =>
  videoMessage ? "video" : documentMessage ? "document" : null;

const finite = (value: number | null | undefined): number => (Number.isFinite(value) ? Number(value) : 0);

/** Returns the buttons of a hydrated template. */
export const hydratedButtons = (buttons: proto.IHydratedTemplateButton[], read: Reader): Button[] =>
  read.list(buttons, maxButtons).map(({ quickReplyButton: reply, urlButton, callButton }): Button => {
    if (reply) return { ...noButton, type: "reply", label: read.name(reply.displayText), id: read.ownId(reply.id) };
    if (urlButton)
      return { ...noButton, type: "url", label: read.name(urlButton.displayText), url: read.url(urlButton.url) };
    if (!callButton) return { ...noButton, type: "other", label: "" };
    const phone = read.orNull(read.name(callButton.phoneNumber));
    return { ...noButton, type: "call", label: read.name(callButton.displayText), phone };
  });

/** Returns the buttons of a `buttonsMessage`, which are replies or native-flow buttons. */
export const plainButtons = (buttons: proto.Message.ButtonsMessage.IButton[], read: Reader): Button[] =>
  read.list(buttons, maxButtons).map(({ buttonId, buttonText, nativeFlowInfo: flow }): Button => {
    const label = read.name(buttonText?.displayText);
    const id = read.ownId(buttonId);
    if (!flow) return { ...noButton, type: "reply", label, id };
    const button = nativeButton(flow.name, flow.paramsJson, read);
    return { ...button, label: label || button.label, id: id ?? button.id };
  });

/** The types of native-flow buttons by WhatsApp's names, of which Baileys and whatsmeow have no list. */
const nativeTypes: ReadonlyMap<string, Button["type"]> = new Map([
  ["quick_reply", "reply"],
  ["cta_url", "url"],
  ["cta_call", "call"],
  ["cta_copy", "copy"],
  ["single_select", "list"],
  ["menu_options", "list"],
  ["send_location", "location"],
  ["address_message", "flow"],
  ["galaxy_message", "flow"],
  ["review_and_pay", "payment"],
  ["review_order", "payment"],
  ["payment_info", "payment"],
]);

/**
 * Returns a native-flow button. Its parameters are JSON: `display_text`, `id`, `url`, `phone_number`, `copy_code`, and
 * for a list `title` and `sections`.
 */
export function nativeButton(
  name: string | null | undefined,
  paramsJson: string | null | undefined,
  read: Reader,
): Button {
  const { json, fields } = read.json(paramsJson);
  return {
    type: nativeTypes.get(name ?? "") ?? "other",
    label: read.name(textField(fields, "display_text", "title", "flow_cta", "button_text")),
    id: read.ownId(textField(fields, "id")),
    url: read.url(textField(fields, "url", "merchant_url")),
    phone: read.orNull(read.name(textField(fields, "phone_number", "phone"))),
    copyText: read.orNull(read.name(textField(fields, "copy_code"))),
    sections: nativeSections(fields, read),
    name: read.orNull(read.name(name)),
    paramsJson: json,
  };
}

function nativeSections(fields: Record<string, unknown>, read: Reader): Section[] {
  let left = maxRows;
  return read.list(listField(fields, "sections"), maxSections).map((section) => {
    const rows = read.list(listField(section, "rows"), left);
    left -= rows.length;
    return {
      title: read.name(textField(section, "title")),
      rows: rows.map((row) => ({
        id: read.name(textField(row, "id")),
        title: read.name(textField(row, "title", "header")),
        description: read.orNull(read.name(textField(row, "description"))),
      })),
    };
  });
}

/** Returns the common parts of an interactive message, and of a card of a carousel. */
export function cardOf(
  { header, body, footer, nativeFlowMessage }: proto.Message.IInteractiveMessage,
  read: Reader,
): Card {
  return {
    text: read.main(body?.text),
    header: header ? headerOf(header, read) : null,
    footer: read.orNull(read.detail(footer?.text)),
    buttons: read
      .list(nativeFlowMessage?.buttons, maxButtons)
      .map(({ name, buttonParamsJson }) => nativeButton(name, buttonParamsJson, read)),
  };
}
