import type { PageRequest } from "../../../core/page.ts";
import * as test from "../../../core/webhook/delivery/test-delivery.ts";
import * as log from "../../../core/webhook/log/index.ts";
import * as replay from "../../../core/webhook/log/replay.ts";
import type { InstanceContext } from "../context.ts";

export const listDeliveries = ({ deps, instance }: InstanceContext, page: PageRequest & log.DeliveryFilter) =>
  log.listDeliveries(deps.db, [instance], page);

export const getDelivery = ({ deps, instance }: InstanceContext, deliveryId: string) =>
  log.readDelivery(deps.db, instance, deliveryId);

export const replayDelivery = async ({ deps, instance }: InstanceContext, deliveryId: string) => {
  await replay.replayDelivery(deps, instance, deliveryId);
  return log.readDelivery(deps.db, instance, deliveryId);
};

export const replayRange = ({ deps, instance }: InstanceContext, range: replay.ReplayRange) =>
  replay.replayRange(deps, instance, range);

export const testWebhook = ({ deps, instance, requestId }: InstanceContext) =>
  test.testWebhook(deps, instance, requestId);

export const getWebhookStatus = ({ deps, instance }: InstanceContext) => log.readStatus(deps.db, instance);
