import type { Clock } from "../../clock.ts";
import type { Vault } from "../../crypto/index.ts";
import type { Database } from "../../db/index.ts";
import type { Egress } from "../../egress/index.ts";
import { AppError } from "../../error.ts";
import type { Ids } from "../../id.ts";
import type { gatewayEvents } from "../body/name.ts";
import { type Attempt, attempt, attemptTimeoutMs } from "./attempt.ts";
import { isBroken, loadEndpointsById } from "./endpoint.ts";

/**
 * Sends a test event once to a webhook endpoint of an instance, even if the endpoint is switched off. The test event is signed
 * like any delivery, but is not logged and does not affect the circuit breaker. Waits at most `attemptTimeoutMs`, because
 * an API request has a time limit. Throws `webhook_disabled` if the
 * instance has no webhook URL. Failures of the receiver are returned.
 */
export async function sendTestDelivery(
  deps: { db: Database; vault: Vault; egress: Pick<Egress, "fetch">; clock: Clock; ids: Ids },
  { instanceId, endpointId, url }: { instanceId: string; endpointId: string; url: string | null },
  correlationId?: string,
): Promise<Attempt> {
  if (!url) throw new AppError("webhook_disabled", "the instance has no webhook URL");
  const endpoint = (await loadEndpointsById(deps.db, deps.vault, [instanceId])).get(endpointId);
  if (!endpoint) throw new AppError("instance_not_found");
  if (isBroken(endpoint)) throw endpoint.error;
  const at = deps.clock.now();
  const [id, eventId] = [deps.ids.uuid(), deps.ids.uuid()];
  const body = JSON.stringify({
    event: "test",
    data: { instanceId },
    timestamp: at.toISOString(),
    eventId,
  });
  return attempt(
    deps.egress,
    { ...endpoint, url },
    { id, body, correlationId },
    at,
    Math.min(endpoint.timeoutMs, attemptTimeoutMs),
  );
}

export interface UrlTest {
  url: string;
  event: (typeof gatewayEvents)[number];
  /** Sent unchanged. */
  data: Record<string, unknown>;
}

/**
 * Sends a body in the Gateway API's format once to any URL. The request belongs to no instance, so it is neither signed
 * nor logged. Throws `url_not_allowed`, also when only name resolution shows that the URL is not allowed. Failures of
 * the receiver are returned.
 */
export async function sendTestToUrl(
  deps: { egress: Pick<Egress, "fetch">; clock: Clock; ids: Ids },
  { url, event, data }: UrlTest,
  correlationId?: string,
): Promise<Attempt> {
  const at = deps.clock.now();
  const [id, eventId] = [deps.ids.uuid(), deps.ids.uuid()];
  const body = JSON.stringify({ event, instanceId: null, timestamp: at.toISOString(), data, eventId });
  let refusal: AppError | undefined;
  const egress: Pick<Egress, "fetch"> = {
    fetch: (...request) =>
      deps.egress.fetch(...request).catch((error: unknown) => {
        if (error instanceof AppError) refusal = error;
        throw error;
      }),
  };
  const endpoint = { url, headers: {}, secret: undefined, previous: undefined };
  const result = await attempt(egress, endpoint, { id, body, correlationId }, at);
  if (refusal) throw refusal;
  return result;
}
