import * as z from "zod";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { label } from "../../../../core/command/catalog/label.ts";
import type { Database } from "../../../../core/db/index.ts";
import { assertBusiness, readChatLabels, readLabeledChats, readLabels } from "../../../../core/label/index.ts";
import { commandEndpoint } from "../../engine/command-endpoint.ts";
import type { InstanceContext } from "../../engine/context.ts";
import { instanceEndpoint } from "../../engine/endpoint.ts";
import { envelope, enveloped } from "./envelope.ts";

const { name, color } = commandCatalog["label.create"].input.shape;
const { labelIds } = commandCatalog["label.setChat"].input.shape;

const chatLabels = envelope(
  z.object({
    /** The JID, with the phone number if known. */
    chatId: z.string(),
    labels: z.array(label),
  }),
);

/** Errors of the endpoints that read. They need no connection, only that the type of the account is known. */
const readErrors = ["not_a_business", "instance_not_connected"] as const;

const toLabel = ({ id, name, color, predefinedId }: z.output<typeof label>) => ({ id, name, color, predefinedId });

/**
 * Restricts a read to business accounts. Throws `not_a_business`, or `instance_not_connected` if the type of the account is not
 * known.
 */
const forBusiness =
  <Input, Output>(read: (db: Database, instanceId: string, input: Input) => Promise<Output>) =>
  async ({ deps, instance }: InstanceContext, input: Input): Promise<Output> => {
    assertBusiness(instance);
    return await read(deps.db, instance.id, input);
  };

const listLabels = forBusiness(readLabels);
const getChatLabels = forBusiness(readChatLabels);
const listLabeledChats = forBusiness(readLabeledChats);

export const labelEndpoints = [
  instanceEndpoint({
    method: "get",
    path: "/api/labels/{instanceId}",
    summary: "List the labels of a WhatsApp Business account",
    description: "Also works while the instance is not connected.",
    access: "read",
    scope: "labels:read",
    response: envelope(z.array(label)),
    errors: readErrors,
    toInput: () => undefined,
    operation: listLabels,
    toResponse: (labels) => enveloped(labels),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/labels/{instanceId}",
    access: "write",
    command: "label.create",
    body: z.object({ name, color }),
    status: 201,
    response: envelope(label),
    toInput: ({ body }) => body,
    toResponse: (newLabel) => enveloped(toLabel(newLabel), "Label created"),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/labels/{instanceId}/{labelId}",
    access: "write",
    command: "label.update",
    body: z
      .object({ name: name.optional(), color: color.optional() })
      .refine((body) => body.name !== undefined || body.color !== undefined, "give name, color or both"),
    response: envelope(label),
    toInput: ({ params, body }) => ({ labelId: params.labelId, ...body }),
    toResponse: (changed) => enveloped(toLabel(changed), "Label updated"),
  }),
  commandEndpoint({
    method: "delete",
    path: "/api/labels/{instanceId}/{labelId}",
    access: "write",
    command: "label.delete",
    response: envelope(z.object({ id: z.string() })),
    toInput: ({ params }) => ({ labelId: params.labelId }),
    toResponse: (_result, { params }) => enveloped({ id: params.labelId }, "Label deleted"),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/labels/{instanceId}/chats/{chatId}",
    summary: "List the labels of a chat by phone number, JID or LID",
    description: "Also works while the instance is not connected.",
    access: "read",
    scope: "labels:read",
    response: chatLabels,
    errors: readErrors,
    toInput: ({ params }) => params.chatId,
    operation: getChatLabels,
    toResponse: (chat) => enveloped(chat),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/labels/{instanceId}/chats/{chatId}",
    access: "write",
    command: "label.setChat",
    body: z.object({ labelIds }),
    response: chatLabels,
    toInput: ({ params, body }) => ({ chat: params.chatId, labelIds: body.labelIds }),
    toResponse: ({ chat, labels }) => enveloped({ chatId: chat, labels }, "Chat labels saved"),
  }),
  instanceEndpoint({
    method: "get",
    path: "/api/labels/{instanceId}/{labelId}/chats",
    summary: "List the chats with a label",
    description: "Also works while the instance is not connected.",
    access: "read",
    scope: "labels:read",
    response: envelope(
      z.array(
        z.object({
          /** The JID, with the phone number if known. */
          id: z.string(),
          name: z.string(),
          isGroup: z.boolean(),
        }),
      ),
    ),
    errors: [...readErrors, "label_not_found"],
    toInput: ({ params }) => params.labelId,
    operation: listLabeledChats,
    toResponse: (chats) => enveloped(chats),
  }),
];
