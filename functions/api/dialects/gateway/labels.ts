import * as z from "zod";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { label } from "../../../../core/command/catalog/label.ts";
import { commandEndpoint, instanceEndpoint } from "../../endpoint.ts";
import { getChatLabels, listLabeledChats, listLabels } from "../../operations/label.ts";
import { envelope, enveloped } from "./envelope.ts";

const { name, color } = commandCatalog["label.create"].input.shape;
const { labelIds } = commandCatalog["label.setChat"].input.shape;

const ofChat = envelope(
  z.object({
    /** JID, by phone number where it is known. */
    chatId: z.string(),
    labels: z.array(label),
  }),
);

/** Of reading, which takes no connection, only that it is known what account it is. */
const errors = ["not_a_business", "instance_not_connected"] as const;

const toLabel = ({ id, name, color, predefinedId }: z.output<typeof label>) => ({ id, name, color, predefinedId });

export const labelRows = [
  instanceEndpoint({
    method: "get",
    path: "/api/labels/{instanceId}",
    summary: "The labels of a WhatsApp Business account; also while it is not connected",
    access: "read",
    answer: envelope(z.array(label)),
    errors,
    does: listLabels,
    in: () => undefined,
    out: (labels) => enveloped(labels),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/labels/{instanceId}",
    summary: commandCatalog["label.create"].summary,
    access: "write",
    command: "label.create",
    body: z.object({ name, color }),
    status: 201,
    answer: envelope(label),
    in: ({ body }) => body,
    out: (made) => enveloped(toLabel(made), "Label created"),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/labels/{instanceId}/{labelId}",
    summary: commandCatalog["label.update"].summary,
    access: "write",
    command: "label.update",
    body: z
      .object({ name: name.optional(), color: color.optional() })
      .refine((body) => body.name !== undefined || body.color !== undefined, "give a name, a color or both"),
    answer: envelope(label),
    in: ({ params, body }) => ({ labelId: params.labelId, ...body }),
    out: (changed) => enveloped(toLabel(changed), "Label updated"),
  }),
  commandEndpoint({
    method: "delete",
    path: "/api/labels/{instanceId}/{labelId}",
    summary: commandCatalog["label.delete"].summary,
    access: "write",
    command: "label.delete",
    answer: envelope(z.object({ id: z.string() })),
    in: ({ params }) => ({ labelId: params.labelId }),
    out: (_result, { params }) => enveloped({ id: params.labelId }, "Label deleted"),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/labels/{instanceId}/chats/{chatId}",
    summary: "The labels of a chat, by phone number, JID or LID; also while the instance is not connected",
    access: "read",
    answer: ofChat,
    errors,
    does: getChatLabels,
    in: ({ params }) => params.chatId,
    out: (chat) => enveloped(chat),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/labels/{instanceId}/chats/{chatId}",
    summary: commandCatalog["label.setChat"].summary,
    access: "write",
    command: "label.setChat",
    body: z.object({ labelIds }),
    answer: ofChat,
    in: ({ params, body }) => ({ chat: params.chatId, labelIds: body.labelIds }),
    out: ({ chat, labels }) => enveloped({ chatId: chat, labels }, "Chat labels saved"),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/labels/{instanceId}/{labelId}/chats",
    summary: "The chats that carry a label; also while the instance is not connected",
    access: "read",
    answer: envelope(
      z.array(
        z.object({
          /** JID, by phone number where it is known. */
          id: z.string(),
          name: z.string(),
          isGroup: z.boolean(),
        }),
      ),
    ),
    errors: [...errors, "label_not_found"],
    does: listLabeledChats,
    in: ({ params }) => params.labelId,
    out: (chats) => enveloped(chats),
  }),
];
