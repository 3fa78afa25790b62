import * as broadcast from "../../../core/broadcast/index.ts";
import { type AcceptedBulk, type BulkRequest, createBulk } from "../../../core/bulk/index.ts";
import type { MediaPlace } from "../../../core/media/inline.ts";
import type { PageRequest } from "../../../core/page.ts";
import type { InstanceContext } from "../context.ts";
import { checkPlace } from "./media.ts";

interface Named {
  broadcastId: string;
}

export const listBroadcasts = ({ deps, instance }: InstanceContext, page: PageRequest) =>
  broadcast.listBroadcasts(deps.db, instance.id, page);

export const createBroadcast = ({ deps, instance }: InstanceContext, fields: broadcast.BroadcastFields) =>
  broadcast.createBroadcast(deps, instance.id, fields);

export const getBroadcast = ({ deps, instance }: InstanceContext, { broadcastId }: Named) =>
  broadcast.findBroadcast(deps.db, instance.id, broadcastId);

export const changeBroadcast = (
  { deps, instance }: InstanceContext,
  { broadcastId, ...fields }: Named & { name?: string | undefined; recipients?: string[] | undefined },
) => broadcast.changeBroadcast(deps, instance.id, broadcastId, fields);

export const removeBroadcast = ({ deps, instance }: InstanceContext, { broadcastId }: Named) =>
  broadcast.removeBroadcast(deps.db, instance.id, broadcastId);

type Sent = Named &
  Pick<BulkRequest, "perMinute" | "startAt"> & {
    /** The text, or what stands under the file. */
    text: string | undefined;
    file: (Omit<NonNullable<BulkRequest["media"]>, "url" | "upload" | "caption"> & { place: MediaPlace }) | undefined;
  };

/** A bulk to those who are in the list now. A text is taken as it is: a list has no variables for placeholders. */
export async function sendBroadcast(context: InstanceContext, sent: Sent): Promise<AcceptedBulk> {
  const { deps, caller, instance, idempotencyKey, requestId: correlationId } = context;
  const { perMinute, startAt, text: message, file } = sent;
  const { recipients } = await broadcast.findBroadcast(deps.db, instance.id, sent.broadcastId);
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
