import * as z from "zod";
import { retentionKinds } from "../user/user.sql.ts";

/** For how many days things are kept, by kind. */
export const retentionSetting = z
  .strictObject(
    Object.fromEntries(retentionKinds.map((kind) => [kind, z.int().min(1).max(36_500).optional()])) as Record<
      (typeof retentionKinds)[number],
      z.ZodOptional<z.ZodInt>
    >,
  )
  .nullable()
  .meta({
    description:
      "Days after which messages, files, events and deliveries are deleted, where that is shorter than the settings of the gateway (RETENTION_…) and, for an instance, of its user. Null: no own limits",
  });
