import { findBroadcast } from "../../../core/broadcast/index.ts";
import { type AcceptedBulk, type BulkRequest, createBulk } from "../../../core/bulk/index.ts";
import { sendTime } from "../../../core/instance/timezone.ts";
import type { MediaPlace } from "../../../core/media/inline.ts";
import type { InstanceContext } from "../engine/context.ts";
import { storeOrCheckFile } from "./media.ts";

type BroadcastRequest = Pick<BulkRequest, "perMinute" | "options"> & {
  /** ISO 8601. */
  sendAt?: string | undefined;
  broadcastId: string;
  /** The text, or the caption of the file. */
  text: string | undefined;
  file: (Omit<NonNullable<BulkRequest["media"]>, "url" | "upload" | "caption"> & { place: MediaPlace }) | undefined;
};

/** Sends a bulk to the current recipients of a list. Texts have no placeholders, because lists have no variables. */
export async function sendBroadcast(context: InstanceContext, request: BroadcastRequest): Promise<AcceptedBulk> {
  const { deps, caller, instance, idempotencyKey, requestId: correlationId } = context;
  const { perMinute, sendAt, options, text: message, file } = request;
  const { recipients } = await findBroadcast(deps.db, instance.id, request.broadcastId);
  const { place, ...media } = file ?? {};
  return await createBulk(
    deps,
    {
      userId: caller.userId,
      instance,
      idempotencyKey,
      correlationId,
      check: place && (() => storeOrCheckFile(context, place)),
    },
    {
      recipients: recipients.map((phone) => ({ phone, message })),
      media: place && { ...media, url: place.url, upload: place.upload },
      perMinute,
      startAt: sendAt === undefined ? undefined : sendTime(sendAt, instance.timezone),
      options,
    },
  );
}
