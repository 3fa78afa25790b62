import type postgres from "postgres";
import type { StoredState } from "./state.ts";

/** The state of an instance in the database when the host takes it over. */
export interface SessionRow extends StoredState {
  id: string;
  userId: string;
  pairingCodesBlockedUntil: Date | null;
}

/** The columns of `SessionRow`. */
export const sessionRow = (sql: postgres.ISql) => sql`
  id, user_id as "userId", status, status_reason as "statusReason", status_until as "statusUntil",
  linked_at is not null as linked, pairing_codes_blocked_until as "pairingCodesBlockedUntil"`;
