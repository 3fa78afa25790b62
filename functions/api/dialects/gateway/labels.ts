import * as z from "zod";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { label } from "../../../../core/command/catalog/label.ts";
import type { Database } from "../../../../core/db/index.ts";
import { assertBusiness, readChatLabels, readLabeledChats, readLabels } from "../../../../core/label/index.ts";
import type { InstanceContext } from "../../engine/context.ts";
import { commandEndpoint, instanceEndpoint } from "../../engine/endpoint.ts";
import { envelope, enveloped } from "./envelope.ts";

const { name, color } = commandCatalog["label.create"].input.shape;
const { labelIds } = commandCatalog["label.setChat"].input.shape;

const ofChat = envelope(
  z.object({
    /** The JID, with the phone number if known. */
    chatId: z.string(),
    labels: z.array(label),
  }),
);

/** Errors of reads. These need no connection, but the type of the account must be known. */
const errors = ["not_a_business", "instance_not_connected"] as const;

const toLabel = ({ id, name, color, predefinedId }: z.output<typeof label>) => ({ id, name, color, predefinedId });

/** Restricts a read to business accounts. Throws `not_a_business`, or `instance_not_connected` if the type is not known. */
const ofBusiness =
  <Input, Output>(read: (db: Database, instanceId: string, input: Input) => Promise<Output>) =>
  async ({ deps, instance }: InstanceContext, input: Input): Promise<Output> => {
    assertBusiness(instance);
    return await read(deps.db, instance.id, input);
  };

const listLabels = ofBusiness(readLabels);
const getChatLabels = ofBusiness(readChatLabels);
const listLabeledChats = ofBusiness(readLabeledChats);

export const labelEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/labels/{instanceId}",
    summary: "List the labels of a WhatsApp Business account",
    description: "Also works while the instance is not connected.",
    access: "read",
    answer: envelope(z.array(label)),
    errors,
    in: () => undefined,
    does: listLabels,
    out: (labels) => enveloped(labels),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/labels/{instanceId}",
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
    access: "write",
    command: "label.update",
    body: z
      .object({ name: name.optional(), color: color.optional() })
      .refine((body) => body.name !== undefined || body.color !== undefined, "give name, color or both"),
    answer: envelope(label),
    in: ({ params, body }) => ({ labelId: params.labelId, ...body }),
    out: (changed) => enveloped(toLabel(changed), "Label updated"),
  }),
  commandEndpoint({
    method: "delete",
    path: "/api/labels/{instanceId}/{labelId}",
    access: "write",
    command: "label.delete",
    answer: envelope(z.object({ id: z.string() })),
    in: ({ params }) => ({ labelId: params.labelId }),
    out: (_result, { params }) => enveloped({ id: params.labelId }, "Label deleted"),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/labels/{instanceId}/chats/{chatId}",
    summary: "List the labels of a chat by phone number, JID or LID",
    description: "Also works while the instance is not connected.",
    access: "read",
    answer: ofChat,
    errors,
    in: ({ params }) => params.chatId,
    does: getChatLabels,
    out: (chat) => enveloped(chat),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/labels/{instanceId}/chats/{chatId}",
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
    summary: "List the chats with a label",
    description: "Also works while the instance is not connected.",
    access: "read",
    answer: envelope(
      z.array(
        z.object({
          /** The JID, with the phone number if known. */
          id: z.string(),
          name: z.string(),
          isGroup: z.boolean(),
        }),
      ),
    ),
    errors: [...errors, "label_not_found"],
    in: ({ params }) => params.labelId,
    does: listLabeledChats,
    out: (chats) => enveloped(chats),
  }),
];
