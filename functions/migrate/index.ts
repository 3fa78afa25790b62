import { readConfig } from "../../core/config.ts";
import { prepareDatabase } from "./prepare.ts";

/** A deploy runs it before it updates anything else. Answers nothing: the first admin's key would end up in the deploy's state. */
export const handler = async (): Promise<void> => {
  await prepareDatabase(readConfig());
};
