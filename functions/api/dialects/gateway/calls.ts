import * as z from "zod";
import { commandCatalog } from "../../../../core/command/catalog/index.ts";
import { commandEndpoint } from "../../engine/endpoint.ts";
import { envelope, enveloped } from "./envelope.ts";

const { calls } = commandCatalog["call.list"].output.shape;

export const callEndpoints = [
  commandEndpoint({
    method: "get",
    path: "/api/calls/{instanceId}",
    access: "read",
    command: "call.list",
    answer: envelope(calls),
    in: () => ({}),
    out: (result) => enveloped(result.calls),
  }),
  commandEndpoint({
    method: "post",
    path: "/api/calls/{instanceId}/{callId}/reject",
    access: "write",
    command: "call.reject",
    answer: envelope(z.object({ instanceId: z.string(), callId: z.string(), from: z.string() })),
    in: ({ params }) => ({ callId: params.callId }),
    out: ({ callId, from }, { params }) => enveloped({ instanceId: params.instanceId, callId, from }, "Call rejected"),
  }),
];
