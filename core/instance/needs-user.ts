import type postgres from "postgres";
import type { InstanceStatus } from "./instance.sql.ts";

/** Whether an instance stays disconnected until its user acts: scans a QR code, or requests a reconnect. */
export function needsUser({ status, linked }: { status: InstanceStatus; linked: boolean }): boolean {
  return status === "logged_out" || (!linked && status === "disconnected");
}

/** The same condition in SQL, on a row of `instances` with the alias `i`. */
export const needsUserCondition = (sql: postgres.ISql) =>
  sql`(i.status = 'logged_out' or (i.linked_at is null and i.status = 'disconnected'))`;
