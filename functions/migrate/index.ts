import type { Context } from "aws-lambda";
import { readConfig } from "../../core/config.ts";
import { MigrationUnfinished } from "../../core/db/migration-run.ts";
import { prepareDatabase } from "./prepare.ts";

interface MigrateEvent {
  /** Gives the admin access again, with the password of `ADMIN_PASSWORD`. */
  resetAdmin?: boolean;
  /** Also drops what the previous version uses, as soon as its session hosts have stopped. */
  contract?: boolean;
  /** Another invocation follows, so an unfinished migration is no error. */
  partial?: boolean;
}

/** The share of the time limit after which the function stops, so that it ends without being killed. */
const usable = 0.9;

/**
 * Runs before a deploy updates anything else, and with `contract` after it. It does not return the first admin's key,
 * because the deploy's state would store it. Throws `MigrationUnfinished` when the time is over, unless `partial` is set.
 */
export const handler = async (
  event: MigrateEvent | null,
  context: Pick<Context, "getRemainingTimeInMillis">,
): Promise<{ finished: boolean }> => {
  const { resetAdmin = false, contract = false, partial = false } = event ?? {};
  const config = readConfig();
  const signal = AbortSignal.timeout(Math.floor(context.getRemainingTimeInMillis() * usable));
  try {
    await prepareDatabase(
      { ...config, ADMIN_RESET: config.ADMIN_RESET || resetAdmin },
      { contract: contract && "required", signal },
    );
    return { finished: true };
  } catch (error) {
    if (partial && error instanceof MigrationUnfinished) return { finished: false };
    throw error;
  }
};
