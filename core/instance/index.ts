import type { InferSelectModel } from "drizzle-orm";
import type { Vault } from "../crypto/index.ts";
import { sealedPlace } from "../crypto/sealed-place.ts";
import { AppError } from "../error.ts";
import type { InstanceStatus, instances } from "./instance.sql.ts";

export type Instance = InferSelectModel<typeof instances>;

/**
 * How long the link of a linked instance may be away before sends are refused: a deploy or a lost connection
 * is ours to bridge, not the caller's.
 */
export const linkGraceMs = 2 * 60 * 1000;

/**
 * Throws `instance_not_connected` with the status in `data`, unless the instance is connected or, being linked, lost its
 * connection only a moment ago.
 */
export function assertSendable(instance: Instance, now: Date): void {
  if (instance.status === "connected") return;
  const away = now.getTime() - instance.statusAt.getTime();
  if (instance.status === "connecting" && instance.linkedAt && away < linkGraceMs) return;
  const reason = instance.statusReason ? `: ${explained(instance.statusReason)}` : "";
  throw new AppError("instance_not_connected", `the instance is ${instance.status}${reason}`, {
    data: { status: instance.status },
  });
}

/** In which bucket an instance lives: fixed when it is made, from its id, so that buckets fill evenly. */
export function shardOf(instanceId: string, shardCount: number): number {
  return Number.parseInt(instanceId.replaceAll("-", "").slice(-8), 16) % shardCount;
}

export interface ConnectionStatus {
  /** Connected: what is sent now goes out now. */
  ready: boolean;
  status: InstanceStatus;
  /** There is a QR code that a phone can scan now. */
  hasQr: boolean;
}

/** All three from one reading of one row, so that they cannot contradict each other. */
export function connectionStatus(instance: Instance, now: Date): ConnectionStatus {
  return { ready: instance.status === "connected", status: instance.status, hasQr: hasQr(instance, now) };
}

function hasQr(instance: Instance, now: Date): boolean {
  return (
    instance.status === "qr" && instance.qr !== null && instance.qrExpiresAt !== null && instance.qrExpiresAt > now
  );
}

/**
 * The QR code that a phone can scan now. Throws `instance_already_connected`, or `qr_not_available` with the status in
 * `data` and what to do about it.
 */
export function scannableQr(
  deps: { vault: Vault },
  instance: Instance,
  now: Date,
): { qrCode: string; expiresAt: Date } {
  if (instance.status === "connected") {
    throw new AppError("instance_already_connected", "the instance is connected: there is nothing to scan", {
      data: { status: instance.status },
    });
  }
  if (!hasQr(instance, now) || !instance.qr || !instance.qrExpiresAt) {
    throw new AppError("qr_not_available", noQrReason(instance), { data: { status: instance.status } });
  }
  const qrCode = deps.vault.open(instance.qr, sealedPlace.qr(instance.id)).toString();
  return { qrCode, expiresAt: instance.qrExpiresAt };
}

/** A status reason for people: one that only the operator can end says so. */
function explained(reason: string): string {
  return reason === "client_outdated" ? `${reason}: WhatsApp refuses the client version of this gateway` : reason;
}

function noQrReason(instance: Instance): string {
  const reason = instance.statusReason ? ` (${explained(instance.statusReason)})` : "";
  switch (instance.status) {
    case "qr":
      return "the last QR code has expired and the next is not there yet: ask again in a moment";
    case "connecting":
      return instance.linkedAt
        ? "the instance is linked and reconnecting: no scan is needed"
        : `the session is being opened${reason}: ask again in a moment`;
    case "logged_out":
      return `the instance is logged out${reason}: reconnect it to get a new QR code`;
    default:
      return instance.desired === "stopped"
        ? `the instance is stopped${reason}: reconnect it to get a QR code`
        : `the instance is ${instance.status}${reason}: ask again in a moment, or reconnect it`;
  }
}
