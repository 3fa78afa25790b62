import * as z from "zod";
import { defineContent } from "../define.ts";
import { card, cardText, firstText, headerLocation } from "../parts.ts";

export const buttons = defineContent({
  kind: "buttons",
  summary: "A text with buttons from a business",
  schema: z.object({ kind: z.literal("buttons"), ...card.shape }),
  text: (content) => firstText(cardText(content), "Buttons"),
  protobuf: ({ text, header, footer, buttons: all }) => ({
    contentText: text,
    footerText: footer ?? undefined,
    text: header?.title || undefined,
    locationMessage: header ? headerLocation(header) : undefined,
    buttons: all.map(({ id, label, name, paramsJson }) => ({
      buttonId: id ?? undefined,
      buttonText: { displayText: label },
      nativeFlowInfo: name ? { name, paramsJson: paramsJson ?? undefined } : undefined,
    })),
  }),
});
