import type { IncomingMessage, ServerResponse } from "node:http";
import type { proto } from "../wire/baileys.ts";
import { Scheduled } from "./faults.ts";

/** Three numbers: 2, 3000 and the revision of WhatsApp Web. */
export type AppVersion = readonly [number, number, number];

/** A client logs in to its account, or asks to be linked to one. */
export type Purpose = "login" | "link";

/** Something else in place of the next page that tells the version: another answer, or none while the client waits. */
export type PageFault = { status: number; body: string } | "hang";

/** Older than the version in Baileys 7.0.0-rc14 (`Defaults/index.js`), which passes. */
const oldest: AppVersion = [2, 3000, 1040000000];
const published: AppVersion = [2, 3000, 1044000000];

/**
 * Which client versions this WhatsApp takes. WhatsApp refuses older ones with 405 (whatsmeow, `types/events/events.go`:
 * `ConnectFailureClientOutdated`), for linking earlier than for logins (WhiskeySockets/Baileys#2370, #2679).
 */
export class ClientVersions {
  /** A version below is refused. */
  minimum: Record<Purpose, AppVersion> = { login: oldest, link: oldest };
  /** What WhatsApp Web is now, as its page says. */
  published: AppVersion = published;
  readonly pageFaults = new Scheduled<PageFault>();
  /** Versions of the clients that came, in order. */
  readonly seen: { purpose: Purpose; version: string; refused: boolean }[] = [];
  /** How often the page was asked for. */
  pages = 0;

  accepts(purpose: Purpose, agent: proto.ClientPayload.IUserAgent | null | undefined): boolean {
    const { primary, secondary, tertiary } = agent?.appVersion ?? {};
    const version: AppVersion = [primary ?? 0, secondary ?? 0, tertiary ?? 0];
    const refused = isOlder(version, this.minimum[purpose]);
    this.seen.push({ purpose, version: version.join("."), refused });
    return !refused;
  }

  /** Serves the one file of web.whatsapp.com that Baileys reads (`fetchLatestWaWebVersion` in `Utils/generics.js`). */
  serve(request: IncomingMessage, response: ServerResponse): void {
    if (request.method !== "GET" || request.url !== "/sw.js") {
      response.writeHead(426).end();
      return;
    }
    this.pages++;
    const fault = this.pageFaults.take();
    if (fault === "hang") return;
    const revision = `{\\"client_revision\\":${this.published[2]}}`;
    const { status, body } = fault ?? { status: 200, body: `self.__swData=JSON.parse("${revision}");` };
    response.writeHead(status, { "content-type": "text/javascript" }).end(body);
  }
}

function isOlder(version: AppVersion, than: AppVersion): boolean {
  const at = version.findIndex((part, index) => part !== than[index]);
  return at >= 0 && (version[at] ?? 0) < (than[at] ?? 0);
}
