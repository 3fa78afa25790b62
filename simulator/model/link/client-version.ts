import type { Strictness } from "../../rule/strictness.ts";
import type { proto } from "../../wire/baileys.ts";
import { Scheduled } from "../limit/faults.ts";

/** A client version: 2, 3000 and the revision of WhatsApp Web. */
export type AppVersion = readonly [number, number, number];

/** Whether a client logs in to its account or asks to be linked to an account. */
export type Purpose = "login" | "link";

/** A fault of the page `/sw.js`, which contains the current version: another response, or no response (`hang`). */
export type PageFault = { status: number; body: string } | "hang";

/** Oldest accepted version. It is below the version of Baileys 7.0.0-rc14 (`Defaults/index.js`). */
const OLDEST: AppVersion = [2, 3000, 1040000000];
const PUBLISHED: AppVersion = [2, 3000, 1044000000];

/** The client versions that the server accepts (rules `login_version` and `link_version`). */
export class ClientVersions {
  readonly #rules: Strictness;
  /** The oldest versions that the server accepts. */
  minimum: Record<Purpose, AppVersion> = { login: OLDEST, link: OLDEST };
  /** The version of WhatsApp Web in `/sw.js`. */
  published: AppVersion = PUBLISHED;
  readonly pageFaults = new Scheduled<PageFault>();
  /** The versions of the clients that connected, in order. */
  readonly seen: { purpose: Purpose; version: string; refused: boolean }[] = [];
  /** Number of requests for `/sw.js`. */
  pages = 0;

  constructor(rules: Strictness) {
    this.#rules = rules;
  }

  /** Records the version of a client. Returns whether the server accepts it. */
  accepts(purpose: Purpose, agent: proto.ClientPayload.IUserAgent | null | undefined): boolean {
    const { primary, secondary, tertiary } = agent?.appVersion ?? {};
    const version: AppVersion = [primary ?? 0, secondary ?? 0, tertiary ?? 0];
    const relaxed = purpose === "login" ? this.#rules.relaxed("login_version") : this.#rules.relaxed("link_version");
    const refused = !relaxed && isOlder(version, this.minimum[purpose]);
    this.seen.push({ purpose, version: version.join("."), refused });
    return !refused;
  }
}

function isOlder(version: AppVersion, other: AppVersion): boolean {
  const different = version.findIndex((part, index) => part !== other[index]);
  return different >= 0 && (version[different] ?? 0) < (other[different] ?? 0);
}
