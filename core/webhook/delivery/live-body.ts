import { sealedPlace } from "../../crypto/sealed-place.ts";
import { eventCatalog } from "../../event/catalog/index.ts";
import type { LogRow } from "../../event-sink/envelope.ts";
import type { Dialect } from "../../instance/instance.sql.ts";
import { parseEvent } from "../body/event.ts";
import { bodyOf } from "../body/index.ts";
import { isDefault } from "../body/selection.ts";
import { type EventLinkDeps, linkTo } from "./event-link.ts";

/** A row of the event log, with what webhook bodies need of its instance. */
export interface LiveRow extends LogRow {
  dialect: Dialect;
  phone_number: string | null;
}

/**
 * Returns an event as the webhook body of a dialect. Returns null if a dialect has no webhook for the event, or if a webhook
 * endpoint does not get the event by default and its type was not chosen.
 */
export async function liveBody(
  deps: EventLinkDeps,
  row: LiveRow,
  { dialect, chosen }: { dialect: Dialect; chosen: boolean },
): Promise<string | null> {
  if (!Object.hasOwn(eventCatalog, row.type) || (!chosen && !isDefault(dialect, row.type))) return null;
  const event = parseEvent(
    JSON.stringify({
      ...{ v: 1, id: row.id, instanceId: row.instance_id, seq: row.seq, type: row.type, data: row.data },
      ...{ correlationId: row.correlation_id, at: row.created_at.toISOString() },
    }),
  );
  // The key of an expired QR code may no longer exist.
  if (event.type === "connection.qr" && new Date(event.data.expiresAt) <= deps.clock.now()) return null;
  const all = { notifyReceived: true, notifySent: true, notifyDelivery: true, notifyRead: true };
  const { phone_number: phone, metadata } = row;
  const context = {
    ...all,
    dialect,
    metadata,
    ownJid: phone ? `${phone.replace(/[^0-9]/g, "")}@s.whatsapp.net` : null,
    openQr: (sealed: string) =>
      deps.vault.open(Buffer.from(sealed, "base64"), sealedPlace.qr(row.instance_id)).toString(),
  };
  return bodyOf(event, context, await linkTo(deps, event));
}
