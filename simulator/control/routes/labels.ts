import { z } from "zod";
import { changeLabel, createLabel, deleteLabel, labelChat, labelsOf } from "../../phone/owner/labels.ts";
import { labelOf, phoneOf } from "../base/lookup.ts";
import { present } from "../base/present.ts";
import { withStatus } from "../base/problem.ts";
import { ControlError, type Route, route } from "../base/route.ts";
import { Address } from "../base/schema.ts";

const Name = z.string().min(1).max(100);
const Color = z.number().int().min(0).max(19);
const LabelView = z.object({
  id: z.string(),
  name: z.string(),
  color: Color,
  predefinedId: z.number().int().optional(),
  chats: z.array(z.string()).describe("JIDs, as in the app state"),
});

/** Labels of business phones. */
export const labelRoutes: Route[] = [
  route({
    method: "get",
    path: "/phones/{number}/labels",
    summary: "List the labels of a business phone, with their chats",
    answer: z.array(LabelView),
    run: (request) => labelsOf(phoneOf(request)),
  }),
  route({
    method: "post",
    path: "/phones/{number}/labels",
    summary: "Create a label on the phone and its linked devices",
    body: z.object({ name: Name, color: Color.default(0) }),
    answer: LabelView,
    run: (request) => {
      const phone = phoneOf(request);
      if (!phone.account.business) throw new ControlError(409, "only business phones have labels");
      return labelOf(request, createLabel(phone, request.body.name, request.body.color));
    },
  }),
  route({
    method: "patch",
    path: "/phones/{number}/labels/{label}",
    summary: "Rename a label, or change its color",
    body: z.object({ name: Name.optional(), color: Color.optional() }),
    answer: LabelView,
    run: (request) => {
      changeLabel(phoneOf(request), labelOf(request).id, present(request.body));
      return labelOf(request);
    },
  }),
  route({
    method: "delete",
    path: "/phones/{number}/labels/{label}",
    summary: "Delete a label",
    run: (request) => deleteLabel(phoneOf(request), labelOf(request).id),
  }),
  route({
    method: "post",
    path: "/phones/{number}/labels/{label}/chats",
    summary: "Add a label to a chat, or remove a label from a chat",
    body: z.object({ chat: Address, labeled: z.boolean().default(true) }),
    answer: LabelView,
    run: async (request) => {
      const { chat, labeled } = request.body;
      await withStatus(404, () => labelChat(phoneOf(request), labelOf(request).id, chat, labeled));
      return labelOf(request);
    },
  }),
];
