import type { proto } from "@whiskeysockets/baileys";
import type { Content } from "../../../core/message/content/index.ts";
import { type Button, maxButtons, maxCards, maxRows, maxSections } from "../../../core/message/content/parts.ts";
import { cardOf, headerOf, hydratedButtons, plainButtons } from "./card.ts";
import type { Parse } from "./parse.ts";
import { enumOf, Reader } from "./reader.ts";

/** Messages of businesses. mautrix-whatsapp reads the same fields in `pkg/msgconv/wa-business.go`. */

export const parseList: Parse<"listMessage"> = (part) => {
  const read = new Reader();
  const { productListInfo: products } = part;
  let left = maxRows;
  return {
    kind: "list",
    text: read.main(part.description),
    title: read.name(part.title),
    footer: read.orNull(read.detail(part.footerText)),
    buttonLabel: read.name(part.buttonText),
    sections: (part.sections ?? []).slice(0, maxSections).map((section) => {
      const rows = (section.rows ?? []).slice(0, left);
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
          sections: (products.productSections ?? []).slice(0, maxSections).map((section) => ({
            title: read.name(section.title),
            productIds: (section.products ?? []).slice(0, maxRows).map(({ productId }) => read.id(productId) ?? ""),
          })),
        }
      : null,
  };
};

export const parseButtons: Parse<"buttonsMessage"> = (part) => {
  const read = new Reader();
  return {
    kind: "buttons",
    text: read.main(part.contentText),
    header: headerOf({ ...part, title: part.text }, read),
    footer: read.orNull(read.detail(part.footerText)),
    buttons: plainButtons(part.buttons ?? [], read),
  };
};

export const parseTemplate: Parse<"templateMessage"> = (part) => templateOf(part, new Reader());

export const parseHighlyStructured: Parse<"highlyStructuredMessage"> = (part) => {
  const read = new Reader();
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
    buttons: (rows.buttons ?? []).slice(0, maxButtons).map((button) => fourRowButton(button, read)),
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

const parametersOf = (hsm: Hsm, read: Reader): string[] =>
  (hsm?.params?.length ? hsm.params : (hsm?.localizableParams ?? []).map((parameter) => parameter.default ?? ""))
    .slice(0, maxRows)
    .map((parameter) => read.detail(parameter));

export const parseInteractive: Parse<"interactiveMessage"> = (part) =>
  interactiveOf(part, { isTemplate: false, templateId: null }, new Reader());

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
    cards: (carouselMessage?.cards ?? []).slice(0, maxCards).map((card) => cardOf(card, read)),
    collection: collection ? { id: read.id(collection.id) ?? "", businessId: read.jid(collection.bizJid) } : null,
    shop: shop ? { id: read.id(shop.id) ?? "", surface: enumOf(surfaces, shop.surface) } : null,
    ...template,
    paramsJson: read.json(nativeFlowMessage?.messageParamsJson).json,
  };
}
