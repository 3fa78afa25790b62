/**
 * The closed list of error codes. A code never changes its meaning or its HTTP status;
 * every error that leaves Switchboard, over HTTP, a queue or a webhook, carries one of these.
 */
export const errorCodes = {
  malformed_json: { status: 400, title: "The body is not valid JSON" },
  invalid_request: { status: 400, title: "The request does not fit its schema" },
  url_not_allowed: { status: 400, title: "The URL points where Switchboard must not go" },
  media_not_usable: { status: 400, title: "The media could not be fetched or is not what it claims to be" },
  recipient_not_on_whatsapp: { status: 400, title: "The number is not on WhatsApp" },
  missing_credentials: { status: 401, title: "No API key and no token was given" },
  invalid_credentials: { status: 401, title: "The credentials are not valid" },
  expired_token: { status: 401, title: "The token has expired" },
  forbidden: { status: 403, title: "These credentials do not allow this" },
  ip_not_allowed: { status: 403, title: "This address may not use these credentials" },
  route_not_found: { status: 404, title: "There is no such endpoint" },
  instance_not_found: { status: 404, title: "There is no such instance" },
  message_not_found: { status: 404, title: "There is no such message" },
  delivery_not_found: { status: 404, title: "There is no such webhook delivery" },
  contact_not_found: { status: 404, title: "There is no such contact" },
  group_not_found: { status: 404, title: "There is no such group" },
  invite_not_found: { status: 404, title: "The invite link does not exist or was revoked" },
  command_not_found: { status: 404, title: "There is no such command" },
  bulk_not_found: { status: 404, title: "There is no such bulk" },
  user_not_found: { status: 404, title: "There is no such user" },
  label_not_found: { status: 404, title: "There is no such label" },
  channel_not_found: { status: 404, title: "There is no such channel" },
  broadcast_not_found: { status: 404, title: "There is no such broadcast list" },
  call_not_found: { status: 404, title: "There is no such call that still rings" },
  key_not_found: { status: 404, title: "There is no such API key" },
  qr_not_available: { status: 404, title: "There is no QR code to scan now" },
  method_not_allowed: { status: 405, title: "This endpoint does not take this method" },
  instance_not_connected: { status: 409, title: "The instance is not connected to WhatsApp" },
  instance_already_connected: { status: 409, title: "The instance is already connected" },
  not_a_business: { status: 409, title: "Only WhatsApp Business accounts have this" },
  webhook_disabled: { status: 409, title: "The instance has no webhook that is switched on" },
  idempotency_conflict: { status: 409, title: "The idempotency key was used with another request" },
  already_released: { status: 409, title: "It is on its way already and cannot be canceled any more" },
  conflict: { status: 409, title: "This cannot be done as things are now" },
  already_exists: { status: 409, title: "It exists already" },
  too_late: { status: 409, title: "WhatsApp no longer allows this: too much time has passed" },
  media_not_ready: { status: 409, title: "The file is still being fetched from WhatsApp" },
  media_lost: { status: 410, title: "The file could not be had from WhatsApp" },
  payload_too_large: { status: 413, title: "The request is too large" },
  unsupported_media_type: { status: 415, title: "The content type is not supported" },
  rate_limited: { status: 429, title: "Too many requests, please try again later" },
  internal: { status: 500, title: "Something went wrong on our side" },
  not_supported: { status: 501, title: "WhatsApp or this server does not support this" },
  whatsapp_error: { status: 502, title: "WhatsApp refused" },
  outcome_unknown: { status: 502, title: "The host died while doing this; whether it was done is not known" },
  unavailable: { status: 503, title: "The service is not available now; nothing was done" },
  command_expired: { status: 504, title: "It could not be done in time and was given up" },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof errorCodes;

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(errorCodes, value);
}

/**
 * The one error class. `details` is shown to the caller: put nothing secret into it.
 * `data` adds fields to the answer, as the status of an instance that is not connected.
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
