import type { Clock } from "../clock.ts";
import type { Vault } from "../crypto/index.ts";
import type { Database } from "../db/index.ts";
import type { Egress } from "../egress/index.ts";
import { AppError } from "../error.ts";
import type { Ids } from "../id.ts";
import type { Instance } from "../instance/index.ts";
import { type Attempt, attempt } from "./attempt.ts";
import { loadEndpoints } from "./endpoint.ts";

/**
 * Posts a test to the webhook of an instance now, once, signed like any delivery, whether or not the webhook is switched
 * on. It is in no log and says nothing of the endpoint. Throws `webhook_disabled` when there is no URL; whatever goes
 * wrong at the other end is an answer.
 */
export async function testWebhook(
  deps: { db: Database; vault: Vault; egress: Egress; clock: Clock; ids: Ids },
  instance: Instance,
): Promise<Attempt> {
  const url = instance.webhookUrl;
  if (!url) throw new AppError("webhook_disabled", "the instance has no webhook URL");
  const endpoint = (await loadEndpoints(deps.db, deps.vault, [instance.id])).get(instance.id);
  if (endpoint instanceof Error) throw endpoint;
  if (!endpoint) throw new AppError("instance_not_found");
  const at = deps.clock.now();
  const [id, eventId] = [deps.ids.uuid(), deps.ids.uuid()];
  const body = JSON.stringify({
    event: "test",
    data: { instanceId: instance.id },
    timestamp: at.toISOString(),
    eventId,
  });
  return attempt(deps.egress, { ...endpoint, url }, { id, body }, at);
}
