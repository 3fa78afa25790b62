import type { proto } from "@whiskeysockets/baileys";
import type { Content } from "../../../../core/message/content/index.ts";
import { type Button, maxButtons, maxCards, maxRows, maxSections } from "../../../../core/message/content/parts.ts";
import type { Parse } from "../parse.ts";
import { enumOf, Reader } from "../reader.ts";
import { cardOf, headerOf, hydratedButtons, plainButtons } from "./card.ts";

/** Messages of businesses. mautrix-whatsapp reads the same fields in `pkg/msgconv/wa-business.go`. */

export const parseList: Parse<"listMessage"> = (part, scope) => {
  const read = new Reader(scope);
  const { productListInfo: products } = part;
  let left = maxRows;
  return {
    kind: "list",
    text: read.main(part.description),
    title: read.name(part.title),
    footer: read.orNull(read.detail(part.footerText)),
    buttonLabel: read.name(part.buttonText),
    sections: read.list(part.sections, maxSections).map((section) => {
      const rows = read.list(section.rows, left);
      left -= rows.length;
      return {
        title: read.name(section.title),
        rows: rows.map(({ rowId, title, description }) => ({
          id: read.name(rowId),
          title: read.name(title),
          description: read.orNull(read.name(description)),
        })),
      };
    }),
    products: products
      ? {
          businessId: read.jid(products.businessOwnerJid),
          sections: read.list(products.productSections, maxSections).map((section) => ({
            title: read.name(section.title),
            productIds: read.list(section.products, maxRows).map(({ productId }) => read.id(productId) ?? ""),
          })),
        }
      : null,
  };
};

export const parseButtons: Parse<"buttonsMessage"> = (part, scope) => {
  const read = new Reader(scope);
  return {
    kind: "buttons",
    text: read.main(part.contentText),
    header: headerOf({ ...part, title: part.text }, read),
    footer: read.orNull(read.detail(part.footerText)),
    buttons: plainButtons(part.buttons ?? [], read),
  };
};

export const parseTemplate: Parse<"templateMessage"> = (part, scope) => templateOf(part, new Reader(scope));

export const parseHighlyStructured: Parse<"highlyStructuredMessage"> = (part, scope) => {
  const read = new Reader(scope);
  if (part.hydratedHsm) return templateOf(part.hydratedHsm, read);
  return {
    kind: "template",
    ...{ text: "", header: null, footer: null, buttons: [], templateId: null, masked: false },
    name: read.orNull(read.name(part.elementName)),
    parameters: parametersOf(part, read),
  };
};

/** WhatsApp's apps show `hydratedTemplate`. `hydratedFourRowTemplate` is an older name for the same content. */
function templateOf(part: proto.Message.ITemplateMessage, read: Reader): Content {
  const hydrated = part.hydratedTemplate ?? part.hydratedFourRowTemplate;
  const templateId = read.id(part.templateId || hydrated?.templateId);
  if (hydrated)
    return {
      kind: "template",
      text: read.main(hydrated.hydratedContentText),
      header: headerOf({ ...hydrated, title: hydrated.hydratedTitleText }, read),
      footer: read.orNull(read.detail(hydrated.hydratedFooterText)),
      buttons: hydratedButtons(hydrated.hydratedButtons ?? [], read),
      ...{ templateId, name: null, parameters: [], masked: hydrated.maskLinkedDevices === true },
    };
  if (part.interactiveMessageTemplate)
    return interactiveOf(part.interactiveMessageTemplate, { isTemplate: true, templateId }, read);
  const rows = part.fourRowTemplate ?? {};
  return {
    kind: "template",
    text: read.main(hsmText(rows.content)),
    header: headerOf({ ...rows, title: hsmText(rows.highlyStructuredMessage) }, read),
    footer: read.orNull(read.detail(hsmText(rows.footer))),
    buttons: read.list(rows.buttons, maxButtons).map((button) => fourRowButton(button, read)),
    name: read.orNull(read.name(rows.content?.elementName)),
    parameters: parametersOf(rows.content, read),
    ...{ templateId, masked: false },
  };
}

function fourRowButton(
  { quickReplyButton: reply, urlButton, callButton }: proto.ITemplateButton,
  read: Reader,
): Button {
  const label = read.name(hsmText((reply ?? urlButton ?? callButton)?.displayText));
  return {
    type: reply ? "reply" : urlButton ? "url" : callButton ? "call" : "other",
    label,
    id: read.ownId(reply?.id),
    url: read.url(hsmText(urlButton?.url)),
    phone: read.orNull(read.name(hsmText(callButton?.phoneNumber))),
    ...{ copyText: null, sections: [], name: null, paramsJson: null },
  };
}

type Hsm = proto.Message.IHighlyStructuredMessage | null | undefined;

/** Returns the text of a structured message, of which only the sender's server has the template. */
function hsmText(hsm: Hsm): string {
  const hydrated = hsm?.hydratedHsm?.hydratedTemplate ?? hsm?.hydratedHsm?.hydratedFourRowTemplate;
  if (hydrated?.hydratedContentText) return hydrated.hydratedContentText;
  const defaults = (hsm?.localizableParams ?? []).map((parameter) => parameter.default ?? "").filter(Boolean);
  return ((hsm?.params?.length ? hsm.params : defaults) ?? []).join(" · ");
}

function parametersOf(hsm: Hsm, read: Reader): string[] {
  const localized = (hsm?.localizableParams ?? []).map((parameter) => parameter.default ?? "");
  return read.list(hsm?.params?.length ? hsm.params : localized, maxRows).map((parameter) => read.detail(parameter));
}

export const parseInteractive: Parse<"interactiveMessage"> = (part, scope) =>
  interactiveOf(part, { isTemplate: false, templateId: null }, new Reader(scope));

/** The values of `ShopMessage.Surface` in WAProto. */
const surfaces = { 1: "facebook", 2: "instagram", 3: "whatsapp" } as const;

function interactiveOf(
  part: proto.Message.IInteractiveMessage,
  template: { isTemplate: boolean; templateId: string | null },
  read: Reader,
): Content {
  const { collectionMessage: collection, shopStorefrontMessage: shop, carouselMessage, nativeFlowMessage } = part;
  return {
    kind: "interactive",
    ...cardOf(part, read),
    cards: read.list(carouselMessage?.cards, maxCards).map((card) => cardOf(card, read)),
    collection: collection ? { id: read.id(collection.id) ?? "", businessId: read.jid(collection.bizJid) } : null,
    shop: shop ? { id: read.id(shop.id) ?? "", surface: enumOf(surfaces, shop.surface) } : null,
    ...template,
    paramsJson: read.json(nativeFlowMessage?.messageParamsJson).json,
  };
}
