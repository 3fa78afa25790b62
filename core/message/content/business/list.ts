import * as z from "zod";
import { defineContent } from "../define.ts";
import { firstText, section } from "../parts.ts";

export const list = defineContent({
  kind: "list",
  summary: "A list of choices or products from a business",
  schema: z.object({
    kind: z.literal("list"),
    title: z.string(),
    /** The main text. */
    text: z.string(),
    footer: z.string().nullable(),
    /** The text on the button that opens the list. */
    buttonLabel: z.string(),
    sections: z.array(section),
    /** The products of a product list, by their ids in the seller's catalog. */
    products: z
      .object({
        /** JID of the seller. */
        businessId: z.string().nullable(),
        sections: z.array(z.object({ title: z.string(), productIds: z.array(z.string()) })),
      })
      .nullable(),
  }),
  text: ({ title, text, footer, buttonLabel, sections }) =>
    firstText(
      text,
      title,
      footer,
      buttonLabel,
      sections.flatMap(({ rows }) => rows.map((row) => row.title)).join(" · "),
      "List",
    ),
  protobuf: ({ title, text, footer, buttonLabel, sections }) => ({
    title,
    description: text,
    buttonText: buttonLabel,
    footerText: footer ?? undefined,
    sections: sections.map((one) => ({
      title: one.title,
      rows: one.rows.map((row) => ({ rowId: row.id, title: row.title, description: row.description ?? undefined })),
    })),
  }),
});
