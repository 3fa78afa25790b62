import { z } from "zod";
import { Times } from "./schema.ts";

// Requests and answers about the server: its media hosts, limits, client versions and state.

const Status = z.object({ status: z.number().int().min(400).max(599), times: Times });
export const MediaFaults = z.object({ upload: Status.optional(), download: Status.optional() });
const HostFault = z.union([z.int().min(400).max(599), z.literal("cut")]);
export const MediaHosts = z.object({
  hosts: z
    .array(z.object({ hostname: z.string(), fault: HostFault.nullable() }))
    .describe("The primary host, then its fallback"),
});
export const MediaHostChange = z.object({
  fault: HostFault.nullable().describe("Answer each request with this status, or cut its connection"),
});

const Limit = z.object({
  burst: z.int().min(0).describe("Look-ups that a device may make at once"),
  perSecond: z.number().min(0).describe("Further look-ups per second"),
});
export const LookupLimits = z
  .object({ account: Limit, group: Limit, prekey: Limit })
  .describe("The server answers further look-ups with 429");

const Version = z
  .string()
  .regex(/^\d+\.\d+\.\d+$/)
  .describe("Three numbers, for example 2.3000.1040000000");
const toVersion = Version.transform((text) => text.split(".").map(Number)).pipe(z.tuple([z.int(), z.int(), z.int()]));
export const ClientVersionsView = z.object({
  minimum: z.object({ login: Version, link: Version }).describe("The server rejects older clients with 405"),
  published: Version.describe("Version in `/sw.js` on the port of the WebSocket"),
  pages: z.number().int().describe("Number of requests for `/sw.js`"),
  seen: z.array(z.object({ purpose: z.enum(["login", "link"]), version: Version, refused: z.boolean() })),
});
export const ClientVersionsChange = z.object({
  minimum: z.object({ login: toVersion.optional(), link: toVersion.optional() }).optional(),
  published: toVersion.optional(),
  pageFault: z
    .object({
      answer: z.union([z.literal("hang"), z.object({ status: z.number().int().min(200).max(599), body: z.string() })]),
      times: Times,
    })
    .optional()
    .describe("Send this response to the next requests for `/sw.js`, or send no response (`hang`)"),
});

export const State = z.object({
  url: z.string(),
  rootKey: z.string(),
  mediaHost: z.string(),
  mediaCa: z.string(),
  phones: z.number().int(),
  devices: z.number().int(),
  sockets: z.number().int(),
  counts: z.record(z.string(), z.number()),
  media: z.record(z.string(), z.number()),
});
export const Unknown = z.object({
  unknown: z.array(z.object({ at: z.number(), from: z.string(), stanza: z.string(), reason: z.string() })),
});
