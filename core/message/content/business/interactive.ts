import * as z from "zod";
import { defineContent } from "../define.ts";
import { card, cardProtobuf, cardText, firstText } from "../parts.ts";

const schema = z.object({
  kind: z.literal("interactive"),
  ...card.shape,
  /** The cards of a carousel. The file of the message is that of the header, otherwise of the first card with one. */
  cards: z.array(card),
  /** A collection of the seller's catalog. */
  collection: z.object({ id: z.string(), businessId: z.string().nullable() }).nullable(),
  /** A shop of the seller on Facebook, Instagram or WhatsApp. */
  shop: z.object({ id: z.string(), surface: z.enum(["facebook", "instagram", "whatsapp"]).nullable() }).nullable(),
  /** Whether the message comes from a template, and the id of the template. */
  isTemplate: z.boolean(),
  templateId: z.string().nullable(),
  /** The JSON text with the parameters of a native flow. Null if it is missing or too long. */
  paramsJson: z.string().nullable(),
});

export const interactive = defineContent({
  kind: "interactive",
  summary: "An interactive message from a business: native flow, carousel, collection, or shop",
  schema,
  text: (content) =>
    firstText(
      cardText(content),
      ...content.cards.map(cardText),
      content.shop && "Shop",
      content.collection && "Collection",
      "Interactive message",
    ),
  protobuf: ({ isTemplate, templateId, ...content }) =>
    isTemplate
      ? { templateId: templateId ?? undefined, interactiveMessageTemplate: interactiveProtobuf(content) }
      : interactiveProtobuf(content),
});

function interactiveProtobuf({
  cards,
  collection,
  shop,
  ...main
}: Omit<z.output<typeof schema>, "isTemplate" | "templateId">) {
  return {
    ...cardProtobuf(main),
    carouselMessage: cards.length > 0 ? { cards: cards.map(cardProtobuf) } : undefined,
    collectionMessage: collection ? { id: collection.id, bizJid: collection.businessId ?? undefined } : undefined,
    shopStorefrontMessage: shop ? { id: shop.id } : undefined,
  };
}
