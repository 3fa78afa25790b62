import { findBroadcast } from "../../../core/broadcast/index.ts";
import { type AcceptedBulk, type BulkRequest, createBulk } from "../../../core/bulk/index.ts";
import type { MediaPlace } from "../../../core/media/inline.ts";
import type { InstanceContext } from "../engine/context.ts";
import { checkPlace } from "./media.ts";

type Sent = Pick<BulkRequest, "perMinute" | "startAt"> & {
  broadcastId: string;
  /** The text, or the caption of the file. */
  text: string | undefined;
  file: (Omit<NonNullable<BulkRequest["media"]>, "url" | "upload" | "caption"> & { place: MediaPlace }) | undefined;
};

/** Sends a bulk to the current recipients of a list. Texts have no placeholders, because lists have no variables. */
export async function sendBroadcast(context: InstanceContext, sent: Sent): Promise<AcceptedBulk> {
  const { deps, caller, instance, idempotencyKey, requestId: correlationId } = context;
  const { perMinute, startAt, text: message, file } = sent;
  const { recipients } = await findBroadcast(deps.db, instance.id, sent.broadcastId);
  const { place, ...media } = file ?? {};
  return await createBulk(
    deps,
    {
      userId: caller.userId,
      instance,
      idempotencyKey,
      correlationId,
      check: place && (() => checkPlace(context, place)),
    },
    {
      recipients: recipients.map((phone) => ({ phone, message })),
      media: place && { ...media, url: place.url, upload: place.upload },
      perMinute,
      startAt,
    },
  );
}
