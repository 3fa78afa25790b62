import * as z from "zod";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { commandEndpoint } from "../../engine/command-endpoint.ts";
import { envelope, enveloped } from "./envelope.ts";

const { calls } = commandCatalog["call.list"].output.shape;

export const callEndpoints = [
  commandEndpoint({
    method: "get",
    path: "/api/calls/{instanceId}",
    access: "read",
    command: "call.list",
    response: envelope(calls),
    toInput: () => ({}),
    toResponse: (result) => enveloped(result.calls),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/calls/{instanceId}/{callId}/reject",
    access: "write",
    command: "call.reject",
    response: envelope(z.object({ instanceId: z.string(), callId: z.string(), from: z.string() })),
    toInput: ({ params }) => ({ callId: params.callId }),
    toResponse: ({ callId, from }, { params }) =>
      enveloped({ instanceId: params.instanceId, callId, from }, "Call rejected"),
  }),
];
