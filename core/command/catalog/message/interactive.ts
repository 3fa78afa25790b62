import * as z from "zod";
import { AppError } from "../../../error.ts";
import { recipient } from "../../../message/recipient.ts";
import { defineCommand, type PrecheckContext } from "../define.ts";
import { checkContext, contextFields, sent, text } from "./fields.ts";

const errors = ["recipient_not_on_whatsapp", "message_not_found", "not_supported", "whatsapp_error"] as const;

const label = z.string().min(1).max(1024);

/** Lists and buttons are not shown by all of WhatsApp's apps, so a caller must ask for them. */
const experimental = z.boolean().optional().meta({
  description:
    "Must be true: some of WhatsApp's apps show such messages without buttons or not at all, although WhatsApp accepts and delivers them. Without it, the send fails with not_supported",
});

type Interactive = Parameters<typeof checkContext>[1] & { experimental?: boolean | undefined };

/** Refuses a send whose caller has not accepted that recipients may not see it. */
const checkExperimental =
  (what: string, alternative: string) => async (context: PrecheckContext, input: Interactive) => {
    if (!input.experimental) {
      const reason = `WhatsApp no longer shows ${what} from linked devices everywhere`;
      throw new AppError("not_supported", `${reason}: ${alternative} instead, or set experimental to true`);
    }
    await checkContext(context, input);
  };

const preview = (to: string, body: string) => ({ to, type: "interactive", protoType: "interactiveMessage", body });

/** Switchboard's own limits: those of WhatsApp's API for businesses. */
const maxButtons = 3;
const maxRows = 10;

export const sendButtons = defineCommand({
  name: "message.sendButtons",
  kind: "send",
  summary: "Experimental: send a text with buttons, which not all of WhatsApp's apps show",
  input: z.object({
    to: recipient,
    text,
    buttons: z
      .array(z.object({ buttonId: label, buttonText: label }))
      .min(1)
      .max(maxButtons),
    experimental,
    ...contextFields,
  }),
  output: sent,
  errors,
  precheck: checkExperimental("buttons", "send a poll or a text that lists the answers"),
  preview: ({ to, text: body }) => preview(to, body),
});

export const sendList = defineCommand({
  name: "message.sendList",
  kind: "send",
  summary: "Experimental: send a list to choose from, which not all of WhatsApp's apps show",
  input: z.object({
    to: recipient,
    title: label,
    buttonText: label,
    sections: z
      .array(
        z.object({
          title: label.optional(),
          rows: z.array(z.object({ title: label, description: label.optional(), rowId: label })).min(1),
        }),
      )
      .min(1)
      .refine(
        (sections) => sections.flatMap(({ rows }) => rows).length <= maxRows,
        `must have at most ${maxRows} rows in total`,
      ),
    experimental,
    ...contextFields,
  }),
  output: sent,
  errors,
  precheck: checkExperimental("lists", "send a poll or a text with numbered options"),
  preview: ({ to, title }) => preview(to, title),
});
