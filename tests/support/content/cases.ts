import { basicCases } from "./basic.ts";
import { businessCases } from "./business.ts";
import type { ContentCase } from "./case.ts";
import { commerceCases } from "./commerce.ts";
import { noticeCases } from "./notice.ts";
import { socialCases } from "./social.ts";

/** The smallest realistic message of each kind. */
export const contentCases: Readonly<Record<string, ContentCase>> = {
  ...basicCases,
  ...businessCases,
  ...commerceCases,
  ...socialCases,
  ...noticeCases,
};
