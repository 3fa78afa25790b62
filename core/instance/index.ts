import type { InferSelectModel } from "drizzle-orm";
import type { Vault } from "../crypto/index.ts";
import { sealedPlace } from "../crypto/sealed-place.ts";
import { AppError } from "../error.ts";
import type { InstanceStatus, instances } from "./instance.sql.ts";
import { explainReason } from "./reason.ts";

export type Instance = InferSelectModel<typeof instances>;

/**
 * How long sends are still accepted after a linked instance has lost its connection, in milliseconds, so that a short
 * interruption, such as a deploy, does not fail the caller's requests.
 */
const reconnectGraceMs = 2 * 60 * 1000;

/**
 * Throws `instance_not_connected`, with the status in `data`, unless the instance is connected, or is linked and has
 * been reconnecting for less than `reconnectGraceMs`.
 */
export function assertSendable(instance: Instance, now: Date): void {
  if (instance.status === "connected") return;
  const banned = isBanned(instance, now);
  const sinceStatusMs = now.getTime() - instance.statusAt.getTime();
  if (instance.status === "connecting" && instance.linkedAt && !banned && sinceStatusMs < reconnectGraceMs) return;
  const reason = instance.statusReason ? `: ${explainReason(instance.statusReason, instance.statusDetails)}` : "";
  throw new AppError("instance_not_connected", `the instance is ${instance.status}${reason}`, {
    data: {
      status: instance.status,
      ...(banned && instance.statusUntil ? { until: instance.statusUntil.toISOString() } : {}),
    },
  });
}

/** Whether the account of the instance is temporarily banned, so that no host connects it. */
const isBanned = ({ statusReason, statusUntil }: Instance, now: Date): boolean =>
  statusReason === "temporarily_banned" && statusUntil !== null && statusUntil > now;

/** Returns the shard for a new instance, computed from the random end of its id so that shards fill evenly. */
export function shardOf(instanceId: string, shardCount: number): number {
  return Number.parseInt(instanceId.replaceAll("-", "").slice(-8), 16) % shardCount;
}

export interface ConnectionStatus {
  /** Whether the instance is connected, so that messages are sent at once. */
  ready: boolean;
  status: InstanceStatus;
  /** Whether a QR code can be scanned now. */
  hasQr: boolean;
  /** Why the instance is not connected. Null while it is connected. */
  reason: string | null;
  /** What has happened and what to do, for people. */
  details: string | null;
  /** When the reason ends, for example a temporary ban. Null if it has no known end. */
  until: string | null;
}

export function connectionStatus(instance: Instance, now: Date): ConnectionStatus {
  const { status, statusReason: reason, statusDetails: details, statusUntil } = instance;
  const until = statusUntil && statusUntil > now ? statusUntil.toISOString() : null;
  return { ready: status === "connected", status, hasQr: hasQr(instance, now), reason, details, until };
}

function hasQr(instance: Instance, now: Date): boolean {
  return (
    instance.status === "qr" && instance.qr !== null && instance.qrExpiresAt !== null && instance.qrExpiresAt > now
  );
}

/**
 * Returns the QR code that a phone can scan now. Throws `instance_already_connected` or `qr_not_available`, with the
 * status in `data`. The details of `qr_not_available` say what to do.
 */
export function scannableQr(
  deps: { vault: Vault },
  instance: Instance,
  now: Date,
): { qrCode: string; expiresAt: Date } {
  if (instance.status === "connected") {
    throw new AppError("instance_already_connected", "the instance is already connected; no scan is needed", {
      data: { status: instance.status },
    });
  }
  if (!hasQr(instance, now) || !instance.qr || !instance.qrExpiresAt) {
    throw new AppError("qr_not_available", noQrReason(instance), { data: { status: instance.status } });
  }
  const qrCode = deps.vault.open(instance.qr, sealedPlace.qr(instance.id)).toString();
  return { qrCode, expiresAt: instance.qrExpiresAt };
}

function noQrReason(instance: Instance): string {
  const reason = instance.statusReason ? ` (${explainReason(instance.statusReason, instance.statusDetails)})` : "";
  switch (instance.status) {
    case "qr":
      return "the QR code has expired and the next one is not available yet: try again in a moment";
    case "connecting":
      return instance.linkedAt
        ? "the instance is linked and reconnecting; no scan is needed"
        : `the session is starting${reason}: try again in a moment`;
    case "logged_out":
      return `the instance is logged out${reason}: reconnect it to get a new QR code`;
    default:
      return instance.desired === "stopped"
        ? `the instance is stopped${reason}: reconnect it to get a QR code`
        : `the instance is ${instance.status}${reason}: try again in a moment, or reconnect it`;
  }
}
