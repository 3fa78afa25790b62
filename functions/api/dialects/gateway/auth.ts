import * as z from "zod";
import { permissions } from "../../../../core/caller.ts";
import { instanceName } from "../../../../core/instance/setting/webhook.ts";
import { publicEndpoint } from "../../engine/endpoint.ts";
import { generateKey } from "../../operations/user.ts";
import { isoDate } from "../../shape/common.ts";
import { envelope, enveloped } from "./envelope.ts";

export const authEndpoints = [
  publicEndpoint({
    method: "post",
    path: "/api/auth/generate-key",
    summary: "Create an API key for yourself",
    description:
      "With the setting OPEN_KEY_GENERATION, also works without credentials. It then creates a new user too.",
    access: "optional",
    scope: "keys:write",
    limitable: true,
    body: z.object({ name: instanceName.default("API key") }).default({ name: "API key" }),
    response: envelope(
      z.object({ name: z.string(), apiKey: z.string(), permissions: z.array(z.enum(permissions)), createdAt: isoDate }),
    ),
    status: 201,
    secrets: true,
    toInput: ({ body }) => body,
    operation: generateKey,
    toResponse: ({ name, key, permissions: allowed, createdAt }) =>
      enveloped({ name, apiKey: key, permissions: allowed, createdAt: createdAt.toISOString() }),
  }),
];
