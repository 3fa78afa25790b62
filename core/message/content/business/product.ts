import * as z from "zod";
import { defineContent } from "../define.ts";
import { firstText, money, thousandthsOf } from "../parts.ts";

export const product = defineContent({
  kind: "product",
  summary: "A product from the catalog of a business",
  schema: z.object({
    kind: z.literal("product"),
    productId: z.string(),
    title: z.string(),
    description: z.string().nullable(),
    price: money.nullable(),
    salePrice: money.nullable(),
    /** The seller's own number of the product. */
    retailerId: z.string().nullable(),
    url: z.string().nullable(),
    imageCount: z.number().int().nullable(),
    /** JID of the seller. */
    businessId: z.string().nullable(),
    /** The text of the message. */
    text: z.string(),
    footer: z.string().nullable(),
  }),
  text: ({ text, title, description, footer, productId }) =>
    firstText(text, title, description, footer, productId && `Product ${productId}`, "Product"),
  protobuf: ({ price, salePrice, businessId, text, footer, ...one }) => ({
    product: {
      productId: one.productId,
      title: one.title,
      description: one.description ?? undefined,
      currencyCode: price?.currency ?? undefined,
      priceAmount1000: thousandthsOf(price),
      salePriceAmount1000: thousandthsOf(salePrice),
      retailerId: one.retailerId ?? undefined,
      url: one.url ?? undefined,
      productImageCount: one.imageCount ?? undefined,
    },
    businessOwnerJid: businessId ?? undefined,
    body: text || undefined,
    footer: footer ?? undefined,
  }),
});

export const catalog = defineContent({
  kind: "catalog",
  summary: "The catalog of a business",
  schema: z.object({
    kind: z.literal("catalog"),
    title: z.string(),
    description: z.string().nullable(),
    /** JID of the seller. */
    businessId: z.string().nullable(),
    /** The text of the message. */
    text: z.string(),
    footer: z.string().nullable(),
  }),
  text: ({ text, title, description, footer }) => firstText(text, title, description, footer, "Catalog"),
  protobuf: ({ title, description, businessId, text, footer }) => ({
    catalog: { title, description: description ?? undefined },
    businessOwnerJid: businessId ?? undefined,
    body: text || undefined,
    footer: footer ?? undefined,
  }),
});
