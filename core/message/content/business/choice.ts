import * as z from "zod";
import { defineContent } from "../define.ts";
import { firstText } from "../parts.ts";

export const choice = defineContent({
  kind: "choice",
  summary: "The choice of a person in a list, buttons, a template or an interactive message",
  schema: z.object({
    kind: z.literal("choice"),
    /** The kind of the message in which the person chose. */
    from: z.enum(["list", "buttons", "template", "interactive"]),
    /** The id of the chosen row or button. */
    id: z.string().nullable(),
    /** Its text. */
    label: z.string(),
    description: z.string().nullable(),
    /** The position of the button, from 0. */
    index: z.number().int().nullable(),
    /** The position of the card in a carousel, from 0. */
    cardIndex: z.number().int().nullable(),
    /** The name of the native flow, such as `menu_options`, `quick_reply` or `flow`. */
    flowName: z.string().nullable(),
    /** The fields of the response of a flow, by their names. Values that are not text are JSON text. */
    fields: z.record(z.string(), z.string()),
    /** The JSON text with the response of a flow. Null if it is missing or too long. */
    paramsJson: z.string().nullable(),
  }),
  text: ({ label, description, id, flowName }) => firstText(label, description, id, flowName, "Choice"),
  protobuf: ({ from, id, label, description, index, flowName, paramsJson }) => {
    if (from === "list")
      return {
        title: label,
        description: description ?? undefined,
        singleSelectReply: { selectedRowId: id ?? undefined },
      };
    if (from === "buttons") return { selectedButtonId: id ?? undefined, selectedDisplayText: label };
    if (from === "template")
      return { selectedId: id ?? undefined, selectedDisplayText: label, selectedIndex: index ?? undefined };
    return {
      body: { text: label },
      nativeFlowResponseMessage: { name: flowName ?? undefined, paramsJson: paramsJson ?? undefined },
    };
  },
});
