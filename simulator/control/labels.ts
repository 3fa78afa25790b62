import { z } from "zod";
import { changeLabel, createLabel, deleteLabel, labelChat, labelsOf, type PhoneLabel } from "../phone/owner/labels.ts";
import type { Phone } from "../phone/phone.ts";
import type { WhatsApp } from "../server/whatsapp.ts";
import { ControlError, type Route, route } from "./route.ts";

const Name = z.string().min(1).max(100);
const Color = z.number().int().min(0).max(19);
const LabelView = z.object({
  id: z.string(),
  name: z.string(),
  color: Color,
  predefinedId: z.number().int().optional(),
  chats: z.array(z.string()).describe("JIDs, as the app state spells them"),
});

/** Labels of a business phone, as its owner sees and sets them. */
export function labelRoutes(wa: WhatsApp): Route[] {
  const phone = (params: Record<string, string>): Phone => {
    const found = wa.phone(params.number ?? "");
    if (!found) throw new ControlError(404, `there is no phone ${params.number}`);
    return found;
  };
  const label = (params: Record<string, string>): PhoneLabel => {
    const found = labelsOf(phone(params)).find(({ id }) => id === params.label);
    if (!found) throw new ControlError(404, `the phone has no label ${params.label}`);
    return found;
  };
  return [
    route({
      method: "get",
      path: "/phones/{number}/labels",
      summary: "The labels of a business phone, and the chats that carry them",
      answer: z.array(LabelView),
      run: ({ params }) => labelsOf(phone(params)),
    }),
    route({
      method: "post",
      path: "/phones/{number}/labels",
      summary: "Make a label; linked devices are told",
      body: z.object({ name: Name, color: Color.default(0) }),
      answer: LabelView,
      run: ({ params, body }) => {
        const owner = phone(params);
        if (!owner.account.business) throw new ControlError(409, "only business phones have labels");
        return label({ ...params, label: createLabel(owner, body.name, body.color) });
      },
    }),
    route({
      method: "patch",
      path: "/phones/{number}/labels/{label}",
      summary: "Rename a label or give it another color",
      body: z.object({ name: Name.optional(), color: Color.optional() }),
      answer: LabelView,
      run: ({ params, body: { name, color } }) => {
        const change = { ...(name !== undefined && { name }), ...(color !== undefined && { color }) };
        changeLabel(phone(params), label(params).id, change);
        return label(params);
      },
    }),
    route({
      method: "delete",
      path: "/phones/{number}/labels/{label}",
      summary: "Delete a label",
      run: ({ params }) => deleteLabel(phone(params), label(params).id),
    }),
    route({
      method: "post",
      path: "/phones/{number}/labels/{label}/chats",
      summary: "Put a label on a chat, or take it off",
      body: z.object({
        chat: z.string().min(3).describe("A phone number, a JID, or a group's JID"),
        labeled: z.boolean().default(true),
      }),
      answer: LabelView,
      run: ({ params, body }) => {
        const { id } = label(params);
        try {
          labelChat(phone(params), id, body.chat, body.labeled);
        } catch (error) {
          throw new ControlError(404, error instanceof Error ? error.message : String(error));
        }
        return label(params);
      },
    }),
  ];
}
