import * as z from "zod";
import { publicEndpoint } from "../../engine/endpoint.ts";
import { openFile } from "../../operations/media.ts";
import { mediaFile, toMediaFile } from "../../shape/media.ts";

export const fileEndpoints = [
  publicEndpoint({
    method: "get",
    path: "/api/files/{fileId}",
    summary: "Open the file of a message by the link in a webhook",
    description:
      "The webhooks of both APIs contain this link as `media.url`, with its token. Redirects to the file; with `format=json`, returns its URL as JSON instead. If the file is still being fetched from WhatsApp, waits for up to ten seconds; then responds with `media_not_ready` and `Retry-After`.",
    access: "public",
    secrets: true,
    query: z.object({ token: z.string().min(1).max(1024), format: z.enum(["json"]).optional() }),
    response: mediaFile,
    errors: ["forbidden", "message_not_found", "media_not_ready", "media_lost"],
    toInput: ({ params, query: { token, format } }) => ({ fileId: params.fileId, token, asJson: format === "json" }),
    operation: openFile,
    toResponse: toMediaFile,
  }),
];
