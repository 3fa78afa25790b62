import * as z from "zod";
import { type CommandOutput, commandCatalog } from "../../../../core/command/catalog/index.ts";
import { commandEndpoint } from "../../engine/command-endpoint.ts";
import { envelope, enveloped } from "./envelope.ts";

const { name } = commandCatalog["profile.setName"].input.shape;
const { about } = commandCatalog["profile.setAbout"].input.shape;
const { url, upload } = commandCatalog["profile.setPicture"].input.shape;
const { phoneNumber, lid, name: ownName, about: ownAbout, pictureUrl } = commandCatalog["profile.get"].output.shape;

const privacy = commandCatalog["profile.getPrivacy"];

function toPrivacy(settings: CommandOutput<"profile.getPrivacy">): CommandOutput<"profile.getPrivacy"> {
  const { lastSeen, online, picture, about: text, readReceipts, groupAdd, calls, messages } = settings;
  return { lastSeen, online, picture, about: text, readReceipts, groupAdd, calls, messages };
}

const done = envelope(z.object({ instanceId: z.string() }));

export const profileEndpoints = [
  commandEndpoint({
    method: "get",
    path: "/api/profile/{instanceId}",
    access: "read",
    command: "profile.get",
    response: envelope(
      z.object({
        phoneNumber,
        chatId: z.string(),
        lid,
        name: ownName,
        /** The account's about text. */
        status: ownAbout,
        pictureUrl,
      }),
    ),
    toInput: () => ({}),
    toResponse: ({ jid, about: status, ...rest }) =>
      enveloped({
        phoneNumber: rest.phoneNumber,
        chatId: jid,
        lid: rest.lid,
        name: rest.name,
        status,
        pictureUrl: rest.pictureUrl,
      }),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/profile/{instanceId}/name",
    access: "write",
    command: "profile.setName",
    body: z.object({ name }),
    response: done,
    toInput: ({ body }) => body,
    toResponse: (_result, { params }) => enveloped({ instanceId: params.instanceId }, "Profile name updated"),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/profile/{instanceId}/status",
    access: "write",
    command: "profile.setAbout",
    body: z.object({ status: about }),
    response: done,
    toInput: ({ body }) => ({ about: body.status }),
    toResponse: (_result, { params }) => enveloped({ instanceId: params.instanceId }, "Profile status updated"),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/profile/{instanceId}/picture",
    access: "write",
    command: "profile.setPicture",
    body: z
      .object({
        image: url,
        /** An uploaded file, instead of `image`. */
        uploadId: upload,
      })
      .refine(
        (body) => (body.image === undefined) !== (body.uploadId === undefined),
        "give either image or uploadId, not both",
      ),
    response: done,
    toInput: ({ body }) => ({ url: body.image, upload: body.uploadId }),
    toResponse: (_result, { params }) => enveloped({ instanceId: params.instanceId }, "Profile picture updated"),
  }),
  commandEndpoint({
    method: "delete",
    path: "/api/profile/{instanceId}/picture",
    access: "write",
    command: "profile.removePicture",
    response: done,
    toInput: () => ({}),
    toResponse: (_result, { params }) => enveloped({ instanceId: params.instanceId }, "Profile picture removed"),
  }),
  commandEndpoint({
    method: "get",
    path: "/api/profile/{instanceId}/privacy",
    access: "read",
    command: "profile.getPrivacy",
    response: envelope(privacy.output),
    toInput: () => ({}),
    toResponse: (settings) => enveloped(toPrivacy(settings)),
  }),
  commandEndpoint({
    method: "put",
    path: "/api/profile/{instanceId}/privacy",
    access: "write",
    command: "profile.setPrivacy",
    body: commandCatalog["profile.setPrivacy"].input,
    response: envelope(privacy.output),
    toInput: ({ body }) => body,
    toResponse: (settings) => enveloped(toPrivacy(settings), "Privacy settings updated"),
  }),
];
