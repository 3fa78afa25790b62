import * as bulk from "../../../core/bulk/index.ts";
import * as report from "../../../core/bulk/report.ts";
import { AppError } from "../../../core/error.ts";
import { isUuid } from "../../../core/id.ts";
import { sendTime } from "../../../core/instance/timezone.ts";
import type { PageRequest } from "../../../core/page.ts";
import type { InstanceContext } from "../engine/context.ts";
import { checkUpload } from "./media.ts";

interface BulkReference {
  bulkId: string;
}

export function createBulk(
  context: InstanceContext,
  { sendAt, ...rest }: Omit<bulk.BulkRequest, "startAt"> & { sendAt?: string | undefined },
) {
  const { deps, caller, instance, idempotencyKey, requestId: correlationId } = context;
  const startAt = sendAt === undefined ? undefined : sendTime(sendAt, instance.timezone);
  const request = { ...rest, startAt };
  const check = () => checkUpload(context, { upload: request.media?.upload });
  return bulk.createBulk(deps, { userId: caller.userId, instance, idempotencyKey, correlationId, check }, request);
}

export const readBulk = async ({ deps, instance }: InstanceContext, { bulkId }: BulkReference) =>
  report.readBulk(deps.db, instance.id, validBulkId(bulkId), deps.clock.now());

export const listRecipients = async (
  { deps, instance }: InstanceContext,
  { bulkId, ...page }: BulkReference & PageRequest & { status?: report.RecipientStatus | undefined },
) => report.listRecipients(deps.db, instance.id, validBulkId(bulkId), page);

export const cancelBulk = async ({ deps, instance }: InstanceContext, { bulkId }: BulkReference) => ({
  canceled: await bulk.cancelBulk(deps, instance.id, validBulkId(bulkId)),
});

function validBulkId(bulkId: string): string {
  if (isUuid(bulkId)) return bulkId;
  throw new AppError("bulk_not_found");
}
