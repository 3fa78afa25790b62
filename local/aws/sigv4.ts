import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

export type Credentials = { accessKeyId: string; secretAccessKey: string };

/** The part of an HTTP request that its signature covers. `url` is the path and query as received. */
export type SignedRequest = { method: string; url: string; headers: IncomingHttpHeaders };

/** Why a request is refused, with the error code of AWS. The status is always 403. */
export type Refusal = { code: RefusalCode; message: string };
type RefusalCode =
  | "AccessDenied"
  | "InvalidAccessKeyId"
  | "SignatureDoesNotMatch"
  | "RequestTimeTooSkewed"
  | "AuthorizationQueryParametersError";

const algorithm = "AWS4-HMAC-SHA256";
const maxSkewMs = 15 * 60 * 1000;
const maxExpirySeconds = 7 * 24 * 3600;

type Signature = {
  accessKeyId: string;
  /** date/region/service/aws4_request */
  scope: string[];
  signedHeaders: string[];
  signature: string;
  date: string;
  /** Validity of a presigned URL in seconds; undefined for a signature in the headers. */
  expires?: number;
};

/**
 * Checks the AWS Signature Version 4 in the headers, or in the query of a presigned URL. Returns undefined if it is valid, or else
 * why the request is refused.
 * `bodyHash` is the hex SHA-256 of the body. S3 requests declare it in `x-amz-content-sha256` instead.
 * Rules: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
 */
export function refusalOf(
  request: SignedRequest,
  credentials: Credentials,
  now: number,
  bodyHash?: string,
): Refusal | undefined {
  const [path = "/", query = ""] = splitOnce(request.url, "?");
  const parameters = parseQuery(query);
  const presigned = parameters.some(([name]) => name === "X-Amz-Signature");
  const signature = presigned ? fromQuery(parameters) : fromHeaders(request.headers);
  if (!signature) return { code: "AccessDenied", message: "The request is not signed, or its signature is malformed." };

  if (signature.accessKeyId !== credentials.accessKeyId) {
    return { code: "InvalidAccessKeyId", message: "The access key id does not exist here." };
  }
  const badTime = timeRefusal(signature, now);
  if (badTime) return badTime;
  const unsigned = unsignedHeader(request.headers, signature.signedHeaders);
  if (unsigned) return { code: "AccessDenied", message: `The header ${unsigned} is present but not signed.` };

  const canonicalRequest = [
    request.method,
    canonicalPath(path),
    canonicalQuery(parameters),
    ...signature.signedHeaders.map((name) => `${name}:${headerValue(request.headers, name)}`),
    "",
    signature.signedHeaders.join(";"),
    bodyHash ?? String(request.headers["x-amz-content-sha256"] ?? "UNSIGNED-PAYLOAD"),
  ].join("\n");
  const toSign = [algorithm, signature.date, signature.scope.join("/"), sha256(canonicalRequest)].join("\n");
  const expected = hmac(signingKey(credentials.secretAccessKey, signature.scope), toSign);
  const received = Buffer.from(signature.signature, "hex");
  if (received.length === expected.length && timingSafeEqual(received, expected)) return undefined;
  return { code: "SignatureDoesNotMatch", message: "The signature does not match the request and the secret key." };
}

function fromHeaders(headers: IncomingHttpHeaders): Signature | undefined {
  const [kind, fields] = splitOnce(headers.authorization ?? "", " ");
  if (kind !== algorithm || fields === undefined) return undefined;
  const field = new Map(fields.split(",").map((part) => splitOnce(part.trim(), "=") as [string, string | undefined]));
  return assemble(field.get("Credential"), field.get("SignedHeaders"), field.get("Signature"), headers["x-amz-date"]);
}

function fromQuery(parameters: [string, string][]): Signature | undefined {
  const value = new Map(parameters);
  if (value.get("X-Amz-Algorithm") !== algorithm) return undefined;
  const signature = assemble(
    value.get("X-Amz-Credential"),
    value.get("X-Amz-SignedHeaders"),
    value.get("X-Amz-Signature"),
    value.get("X-Amz-Date"),
  );
  return signature && { ...signature, expires: Number(value.get("X-Amz-Expires")) };
}

function assemble(
  credential: string | undefined,
  signedHeaders: string | undefined,
  signature: string | undefined,
  date: string | string[] | undefined,
): Signature | undefined {
  const [accessKeyId, ...scope] = credential?.split("/") ?? [];
  const names = signedHeaders?.split(";") ?? [];
  if (!accessKeyId || scope.length !== 4 || !names.includes("host") || !signature) return undefined;
  if (typeof date !== "string" || !date.startsWith(scope[0] ?? "-")) return undefined;
  return { accessKeyId, scope, signedHeaders: names, signature, date };
}

function timeRefusal({ date, expires }: Signature, now: number): Refusal | undefined {
  const signedAt = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  if (Number.isNaN(signedAt) || signedAt > now + maxSkewMs) {
    return {
      code: "RequestTimeTooSkewed",
      message: "The time of the signature differs too much from the time of this machine.",
    };
  }
  if (expires === undefined) {
    if (signedAt >= now - maxSkewMs) return undefined;
    return {
      code: "RequestTimeTooSkewed",
      message: "The time of the signature differs too much from the time of this machine.",
    };
  }
  if (!(expires > 0 && expires <= maxExpirySeconds)) {
    return { code: "AuthorizationQueryParametersError", message: "X-Amz-Expires must be 1 to 604800 seconds." };
  }
  if (now <= signedAt + expires * 1000) return undefined;
  return { code: "AccessDenied", message: "Request has expired" };
}

/** AWS refuses unsigned `x-amz-*` headers, so that nobody can add one to a signed request and change its meaning. */
function unsignedHeader(headers: IncomingHttpHeaders, signed: string[]): string | undefined {
  return Object.keys(headers).find(
    (name) => name.startsWith("x-amz-") && name !== "x-amz-content-sha256" && !signed.includes(name),
  );
}

let cachedKey: { of: string; key: Buffer } | undefined;

function signingKey(secret: string, scope: string[]): Buffer {
  const of = [secret, ...scope].join("/");
  if (cachedKey?.of !== of) {
    cachedKey = { of, key: scope.reduce<Buffer>((key, part) => hmac(key, part), Buffer.from(`AWS4${secret}`)) };
  }
  return cachedKey.key;
}

const headerValue = (headers: IncomingHttpHeaders, name: string) =>
  String(headers[name] ?? "")
    .trim()
    .replace(/ +/g, " ");

const canonicalPath = (path: string) => path.split("/").map(decode).map(encode).join("/");

const canonicalQuery = (parameters: [string, string][]) =>
  parameters
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join("&");

const parseQuery = (query: string): [string, string][] =>
  query
    .split("&")
    .filter((part) => part !== "")
    .map((part) => splitOnce(part, "="))
    .map(([name, value]) => [decode(name), decode(value ?? "")]);

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Keeps a malformed escape as it is, so that the signature can't match.
    return text;
  }
}

const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const hmac = (key: Buffer, text: string) => createHmac("sha256", key).update(text).digest();
