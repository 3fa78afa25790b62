import type { Clock } from "../../clock.ts";
import type { Vault } from "../../crypto/index.ts";
import type { EventData } from "../../event/catalog/index.ts";
import { inventedName } from "../../media/filename.ts";
import { servedAs } from "../../media/served.ts";
import type { Storage } from "../../storage/index.ts";
import type { FileLink } from "../body/context.ts";
import type { WebhookEvent } from "../body/event.ts";
import { fileLinkSeconds, signFileLink } from "./file-link.ts";

export interface EventLinkDeps {
  vault: Vault;
  clock: Clock;
  storage: Pick<Storage, "presign">;
  publicUrl?: string | undefined;
}

/** How long a link to the bucket works, in seconds. It may expire earlier, together with the credentials of a function. */
const bucketLinkSeconds = 6 * 60 * 60;

/**
 * Returns the link to the file of a message. The link leads to the API, which waits for the file while the session host
 * fetches it. Without the URL of the API, the link leads to the bucket.
 */
export async function linkTo(deps: EventLinkDeps, event: WebhookEvent): Promise<FileLink | null> {
  const media = mediaIn(event);
  if (!media) return null;
  const { publicUrl, vault } = deps;
  const seconds = publicUrl ? fileLinkSeconds : bucketLinkSeconds;
  const expires = new Date(deps.clock.now().getTime() + seconds * 1000);
  if (publicUrl) {
    const file = { instanceId: event.instanceId, storageKey: media.storageKey };
    return { url: signFileLink({ publicUrl, vault }, file, expires), urlExpiresAt: expires.toISOString() };
  }
  const filename = media.filename || inventedName(event.id, media.mimetype);
  const served = servedAs("inline", media.mimetype, filename);
  return {
    url: await deps.storage.presign(media.storageKey, bucketLinkSeconds, served),
    urlExpiresAt: expires.toISOString(),
  };
}

function mediaIn(event: WebhookEvent): EventData<"media.stored">["media"] | null {
  switch (event.type) {
    case "message.received":
    case "message.sent":
    case "status.received":
    case "media.stored":
      return event.data.media;
    default:
      return null;
  }
}
