import { readConfig } from "../../core/config.ts";
import { prepareDatabase } from "./prepare.ts";

/**
 * Runs before a deploy updates anything else. It does not return the first admin's key, because the deploy's state
 * would store it.
 */
export const handler = async (): Promise<void> => {
  await prepareDatabase(readConfig());
};
