/**
 * The closed list of error codes. Every error that leaves Switchboard, over HTTP, a queue or a webhook, has one of
 * these codes. A code never changes its meaning or its HTTP status.
 */
export const errorCodes = {
  malformed_json: { status: 400, title: "The body is not valid JSON" },
  invalid_request: { status: 400, title: "The request does not match its schema" },
  url_not_allowed: { status: 400, title: "The URL is not allowed" },
  session_not_usable: { status: 400, title: "The session can't be imported" },
  media_not_usable: { status: 400, title: "The media can't be fetched or is not what it claims to be" },
  recipient_not_on_whatsapp: { status: 400, title: "The number is not on WhatsApp" },
  missing_credentials: { status: 401, title: "An API key or a token is required" },
  invalid_credentials: { status: 401, title: "The credentials are not valid" },
  expired_token: { status: 401, title: "The token has expired" },
  forbidden: { status: 403, title: "The credentials do not allow this" },
  origin_not_allowed: { status: 403, title: "Web pages of other sites can't call this" },
  quota_exceeded: { status: 403, title: "A quota of the user is used up" },
  ip_not_allowed: { status: 403, title: "The credentials do not allow this IP address" },
  route_not_found: { status: 404, title: "The endpoint does not exist" },
  instance_not_found: { status: 404, title: "The instance does not exist" },
  message_not_found: { status: 404, title: "The message does not exist" },
  delivery_not_found: { status: 404, title: "The webhook delivery does not exist" },
  webhook_not_found: { status: 404, title: "The webhook endpoint does not exist" },
  chat_not_found: { status: 404, title: "The chat does not exist" },
  contact_not_found: { status: 404, title: "The contact does not exist" },
  group_not_found: { status: 404, title: "The group does not exist" },
  invite_not_found: { status: 404, title: "The invite link does not exist or was revoked" },
  command_not_found: { status: 404, title: "The command does not exist" },
  bulk_not_found: { status: 404, title: "The bulk does not exist" },
  erasure_not_found: { status: 404, title: "The erasure does not exist" },
  export_not_found: { status: 404, title: "The export does not exist" },
  user_not_found: { status: 404, title: "The user does not exist" },
  label_not_found: { status: 404, title: "The label does not exist" },
  channel_not_found: { status: 404, title: "The channel does not exist" },
  broadcast_not_found: { status: 404, title: "The broadcast list does not exist" },
  order_not_found: { status: 404, title: "The order does not exist" },
  call_not_found: { status: 404, title: "The call does not exist or no longer rings" },
  key_not_found: { status: 404, title: "The API key does not exist" },
  qr_not_available: { status: 404, title: "No QR code is available now" },
  method_not_allowed: { status: 405, title: "The endpoint does not support this method" },
  instance_not_connected: { status: 409, title: "The instance is not connected to WhatsApp" },
  instance_already_connected: { status: 409, title: "The instance is already connected" },
  not_a_business: { status: 409, title: "Only WhatsApp Business accounts support this" },
  webhook_disabled: { status: 409, title: "The instance has no enabled webhook" },
  idempotency_conflict: { status: 409, title: "The idempotency key was used for a different request" },
  already_released: { status: 409, title: "The message is already being sent and can't be canceled" },
  account_restricted: { status: 409, title: "WhatsApp restricts the account" },
  conflict: { status: 409, title: "The current state does not allow this" },
  already_exists: { status: 409, title: "The resource already exists" },
  too_late: { status: 409, title: "WhatsApp no longer allows this, because too much time has passed" },
  media_not_ready: { status: 409, title: "The file is still being fetched from WhatsApp" },
  media_lost: { status: 410, title: "The file is no longer available from WhatsApp" },
  payload_too_large: { status: 413, title: "The request is too large" },
  unsupported_media_type: { status: 415, title: "The content type is not supported" },
  query_too_broad: { status: 422, title: "The query takes too long; make it more specific" },
  rate_limited: { status: 429, title: "Too many requests, please try again later" },
  internal: { status: 500, title: "An internal error occurred" },
  not_supported: { status: 501, title: "WhatsApp or this server does not support this" },
  pairing_code_refused: { status: 502, title: "WhatsApp refused the request for a pairing code" },
  whatsapp_error: { status: 502, title: "WhatsApp refused the request" },
  outcome_unknown: { status: 502, title: "The outcome of the request is unknown" },
  unavailable: { status: 503, title: "The service is unavailable; nothing was done" },
  command_expired: { status: 504, title: "The command expired before it could be executed" },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof errorCodes;

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(errorCodes, value);
}

/**
 * An error with a code of the list. `details` is shown to the caller, so it must not contain secrets. `data` adds fields to
 * the response, such as the status of an instance that is not connected.
 */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;
  readonly details: string | undefined;
  readonly data: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, details?: string, options: { cause?: unknown; data?: Record<string, unknown> } = {}) {
    super(details ?? errorCodes[code].title, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = details;
    this.data = options.data;
  }

  get status(): number {
    return errorCodes[this.code].status;
  }
}
