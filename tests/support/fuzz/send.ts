import { type Agent, request } from "node:http";
import { errorCodes } from "../../../core/error.ts";
import type { FuzzRequest } from "./requests.ts";

export interface FuzzAnswer {
  status: number;
  body: Buffer;
}

const timeoutMs = 20_000;

/** Sends a request as it is. Fails if there is no answer in time. */
export function sendFuzz(
  url: string,
  agent: Agent,
  { method, target, headers, body }: FuzzRequest,
): Promise<FuzzAnswer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const sent = request(
      {
        ...{ hostname, port, agent, method, path: target, timeout: timeoutMs },
        headers: { ...headers, ...(body && { "content-length": body.length }) },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
      },
    );
    sent.on("timeout", () => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Responses of API Gateway and of Node.js's HTTP parser, which have no code. */
const ofGateway = new Set([400, 413, 431]);
/** The only server errors that a request may cause. */
const allowedServerErrors = new Set<string>(["not_supported", "whatsapp_error", "command_expired"]);

/** Without a session host, the gateway is not healthy. */
const health = "GET /api/observability/health";

/** Returns what is wrong with an answer, or undefined. */
export function complaint({ endpoint }: FuzzRequest, answer: FuzzAnswer): string | undefined {
  const { status } = answer;
  if (status < 400 || (status === 503 && endpoint === health)) return undefined;
  const text = answer.body.toString();
  if (text === "") return status < 500 ? undefined : `${status} without a body`;
  const body = parsed(text);
  if (!body) return `${status} with a body that is not JSON: ${text.slice(0, 200)}`;
  if (ofGateway.has(status) && "message" in body && !("code" in body)) return undefined;
  const code = String(body.code);
  if (!Object.hasOwn(errorCodes, code)) return `${status} with the unknown code ${code}: ${text.slice(0, 200)}`;
  if (status >= 500 && !allowedServerErrors.has(code)) return `${status} ${code}: ${text.slice(0, 300)}`;
  return undefined;
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
