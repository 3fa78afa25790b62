import * as z from "zod";
import { defineContent } from "../define.ts";
import { type Button, card, cardText, firstText, headerLocation } from "../parts.ts";

export const template = defineContent({
  kind: "template",
  summary: "A message that a business sends from a template",
  schema: z.object({
    kind: z.literal("template"),
    ...card.shape,
    templateId: z.string().nullable(),
    /** The name of the template, if the message has only its parameters and not its text. */
    name: z.string().nullable(),
    parameters: z.array(z.string()),
    /** Whether the business hides the text on all devices but the phone. */
    masked: z.boolean(),
  }),
  text: (content) =>
    firstText(
      cardText(content),
      content.parameters.join(" · "),
      content.name && `Template ${content.name}`,
      "Template",
    ),
  protobuf: ({ text, header, footer, buttons, templateId, name, parameters }) => ({
    templateId: templateId ?? undefined,
    elementName: name ?? undefined,
    params: parameters.length > 0 ? parameters : undefined,
    hydratedTemplate: {
      hydratedTitleText: header?.title || undefined,
      hydratedContentText: text,
      hydratedFooterText: footer ?? undefined,
      hydratedButtons: buttons.map(hydratedButton),
      locationMessage: header ? headerLocation(header) : undefined,
    },
  }),
});

function hydratedButton({ type, label: displayText, id, url, phone }: Button, index: number) {
  if (type === "url") return { index, urlButton: { displayText, url: url ?? undefined } };
  if (type === "call") return { index, callButton: { displayText, phoneNumber: phone ?? undefined } };
  return { index, quickReplyButton: { displayText, id: id ?? undefined } };
}
