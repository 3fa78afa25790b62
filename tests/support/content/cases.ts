import { basicCases } from "./basic.ts";
import type { ContentCase } from "./case.ts";

/** The smallest realistic message of each kind. */
export const contentCases: Readonly<Record<string, ContentCase>> = {
  ...basicCases,
};
