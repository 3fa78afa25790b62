import { readFileSync } from "node:fs";

const read = (name: string): unknown => JSON.parse(readFileSync(`tests/fixtures/documents/${name}.json`, "utf8"));

/** Every body in the Multi-Instance API's document. Its examples in three languages have the same bodies. */
export const multiInstanceDocument = read("multi-instance") as (
  | { endpoint: string; kind: "request" | "response"; body: unknown }
  | { webhook: string; body: unknown }
)[];

/** Every endpoint and every body in the Gateway API's document. */
export const gatewayDocument = read("gateway") as {
  endpoints: {
    endpoint: string;
    /** Whether the document shows the endpoint with a key. */
    key: boolean;
    query?: string;
    requests?: unknown[];
    response?: unknown;
  }[];
  error: unknown;
  rateLimit: unknown;
  webhook: { event: string; data: object };
  statuses: number[];
  webhookEvents: string[];
};

/** Returns the code example of the Gateway API's document under this heading. */
export function gatewayExample(file: "gateway.cjs" | "gateway.sh", heading: string): string {
  const mark = file === "gateway.cjs" ? "////" : "####";
  const parts = readFileSync(`tests/fixtures/documents/${file}`, "utf8").split(new RegExp(`^${mark} (.*)\n`, "m"));
  const code = parts[parts.indexOf(heading) + 1];
  if (!parts.includes(heading) || code === undefined) throw new Error(`no example ${heading} in ${file}`);
  return code;
}
