import type { proto } from "../wire/baileys.ts";
import { Scheduled } from "./faults.ts";

/** Three numbers: 2, 3000 and the revision of WhatsApp Web. */
export type AppVersion = readonly [number, number, number];

/** Whether a client logs in to its account or asks to be linked to one. */
export type Purpose = "login" | "link";

/** A fault of the page that shows the current version: another answer, or none while the client waits. */
export type PageFault = { status: number; body: string } | "hang";

/** Older than the version in Baileys 7.0.0-rc14 (`Defaults/index.js`), which the server accepts. */
const OLDEST: AppVersion = [2, 3000, 1040000000];
const PUBLISHED: AppVersion = [2, 3000, 1044000000];

/**
 * The client versions that this WhatsApp accepts. WhatsApp rejects older ones with 405 (`ConnectFailureClientOutdated` in
 * whatsmeow's types/events/events.go), for linking earlier than for logins
 * (https://github.com/WhiskeySockets/Baileys/issues/2370 and 2679).
 */
export class ClientVersions {
  /** The server rejects versions below these. */
  minimum: Record<Purpose, AppVersion> = { login: OLDEST, link: OLDEST };
  /** The version of WhatsApp Web that its page shows. */
  published: AppVersion = PUBLISHED;
  readonly pageFaults = new Scheduled<PageFault>();
  /** The versions of the clients that connected, in order. */
  readonly seen: { purpose: Purpose; version: string; refused: boolean }[] = [];
  /** How often clients have requested the page. */
  pages = 0;

  /** Whether the server accepts a client. Records its version. */
  accepts(purpose: Purpose, agent: proto.ClientPayload.IUserAgent | null | undefined): boolean {
    const { primary, secondary, tertiary } = agent?.appVersion ?? {};
    const version: AppVersion = [primary ?? 0, secondary ?? 0, tertiary ?? 0];
    const refused = isOlder(version, this.minimum[purpose]);
    this.seen.push({ purpose, version: version.join("."), refused });
    return !refused;
  }
}

function isOlder(version: AppVersion, than: AppVersion): boolean {
  const at = version.findIndex((part, index) => part !== than[index]);
  return at >= 0 && (version[at] ?? 0) < (than[at] ?? 0);
}
