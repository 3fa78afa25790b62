import { readConfig } from "../../core/config.ts";
import { prepareDatabase } from "./prepare.ts";

/**
 * Runs before a deploy updates anything else. It does not return the first admin's key, because the deploy's state
 * would store it. With `{"resetAdmin":true}`, gives the admin access again, with the password of `ADMIN_PASSWORD`.
 */
export const handler = async (event?: { resetAdmin?: boolean }): Promise<void> => {
  const config = readConfig();
  await prepareDatabase({ ...config, ADMIN_RESET: config.ADMIN_RESET || event?.resetAdmin === true });
};
