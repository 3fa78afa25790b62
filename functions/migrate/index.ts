import { readConfig } from "../../core/config.ts";
import { prepareDatabase } from "./prepare.ts";

/**
 * Runs before a deploy updates anything else. Returns nothing, because the first admin's key would be stored in the
 * deploy's state.
 */
export const handler = async (): Promise<void> => {
  await prepareDatabase(readConfig());
};
