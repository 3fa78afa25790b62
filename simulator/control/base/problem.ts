import { PairingError } from "../../phone/pairing.ts";
import { NotOnWhatsApp } from "../../phone/sender.ts";
import { Refusal } from "../../stanza/errors.ts";
import { ControlError, type ControlStatus } from "./route.ts";

/**
 * Returns the HTTP status for an error: 409 if WhatsApp refuses the request or a device cannot be linked or unlinked,
 * 404 for an unknown recipient, otherwise 500.
 */
export function statusOf(error: unknown): ControlStatus | 500 {
  if (error instanceof ControlError) return error.status;
  if (error instanceof Refusal || error instanceof PairingError) return 409;
  return error instanceof NotOnWhatsApp ? 404 : 500;
}

/** Returns the text of an error. If WhatsApp refuses the request, the text includes its code. */
export function textOf(error: Error): string {
  return error instanceof Refusal ? `${error.message} (${error.code})` : error.message;
}

/** Runs `work`. Throws an error that would have the status 500 as a `ControlError` with this status. */
export async function withStatus<T>(status: ControlStatus, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (statusOf(error) !== 500) throw error;
    throw new ControlError(status, error instanceof Error ? error.message : String(error));
  }
}
