import { DEFAULT_CONNECTION_CONFIG, fetchLatestWaWebVersion } from "@whiskeysockets/baileys";
import { claimLookUp, isNewer, keepClientVersion, readClientVersion } from "../../core/client-version/index.ts";
import { type ClientVersion, clientVersion } from "../../core/config.ts";
import type { Database } from "../../core/db/index.ts";
import type { Logger } from "../../core/log.ts";
import { count } from "../../core/metric/index.ts";
import type { WhatsAppEndpoint } from "../baileys/whatsapp.ts";

/** The version in Baileys, which is as old as its release. */
const builtIn: ClientVersion = DEFAULT_CONNECTION_CONFIG.version;

/** Longest that a look-up takes. Milliseconds, as all below. */
const lookUpMs = 10_000;
/** After a refusal. Longer than a look-up, so that the fleet never makes two at once. */
const refusedPace = { askedMs: 60_000, foundMs: 0 };
/** Without a refusal: WhatsApp publishes a revision or more a day, and one stays valid for weeks. */
const usualPace = { askedMs: 15 * 60_000, foundMs: 6 * 60 * 60_000 };
const checkMs = 5 * 60_000;
/** A session waits this long before it tries a version again that WhatsApp has refused, unless there is another one. */
const refusedMs = 5 * 60_000;

export interface ClientVersionsDeps {
  db: Database;
  endpoint: Pick<WhatsAppEndpoint, "web" | "real">;
  pinned: ClientVersion | undefined;
  log: Logger;
}

/**
 * Chooses the client version that a host presents to WhatsApp: the pinned one, or the newest one that any host of the
 * fleet has looked up, or the one in Baileys. Nothing waits for a look-up.
 */
export class ClientVersions {
  readonly #deps: ClientVersionsDeps;
  readonly #stop = new AbortController();
  #looking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: ClientVersionsDeps) {
    this.#deps = deps;
  }

  /** Logs the version that is used from now on, and looks for newer ones in the background. */
  async start(): Promise<void> {
    const { version, source } = await this.#choose();
    this.#deps.log.info({ clientVersion: version.join("."), source }, "client version for WhatsApp");
    this.#lookUp(usualPace);
    this.#timer = setInterval(() => this.#lookUp(usualPace), checkMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    await this.#looking;
  }

  /** The version for the next connection. */
  async current(): Promise<ClientVersion> {
    return (await this.#choose()).version;
  }

  /** Looks for another version, because WhatsApp has refused this one. */
  replace(refused: ClientVersion): void {
    this.#lookUp(refusedPace, refused);
  }

  async #choose(): Promise<{ version: ClientVersion; source: "pinned" | "stored" | "built in" }> {
    const { db, pinned } = this.#deps;
    if (pinned) return { version: pinned, source: "pinned" };
    const stored = await readClientVersion(db);
    if (stored && isNewer(stored, builtIn)) return { version: stored, source: "stored" };
    return { version: builtIn, source: "built in" };
  }

  #lookUp(pace: typeof usualPace, refused?: ClientVersion): void {
    if (this.#looking || this.#stop.signal.aborted) return;
    this.#looking = this.#findAndKeep(pace, refused)
      .catch((error: unknown) => this.#complain(error, refused))
      .finally(() => {
        this.#looking = undefined;
      });
  }

  async #findAndKeep(pace: typeof usualPace, refused: ClientVersion | undefined): Promise<void> {
    const { db, endpoint, pinned, log } = this.#deps;
    const open = !pinned && endpoint.web;
    // A refusal is still reported, once for the fleet.
    if (!(open || refused) || !(await claimLookUp(db, pace))) return;
    if (!open) throw new Error(pinned ? "WHATSAPP_VERSION pins it" : "there is no page to look it up on");
    const found = await fetchClientVersion(open, this.#stop.signal);
    const kept = await keepClientVersion(db, found, refused);
    if (refused && sameVersion(kept, refused)) throw new Error("WhatsApp publishes no other version");
    log.info(
      { clientVersion: kept.join("."), found: found.join("."), source: "looked up" },
      "client version looked up",
    );
  }

  #complain(error: unknown, refused: ClientVersion | undefined): void {
    const { log, endpoint } = this.#deps;
    if (this.#stop.signal.aborted) return;
    if (refused) {
      count("ClientOutdated");
      const advice = "WhatsApp refuses the client version, and no other is known: set WHATSAPP_VERSION or update";
      log.error({ err: error, clientVersion: refused.join(".") }, advice);
    } else {
      // A server in place of WhatsApp may not publish a version.
      log[endpoint.real ? "warn" : "debug"]({ err: error }, "client version not looked up; the known one stays");
    }
  }
}

/** Throws unless WhatsApp's page names a version that is at least as new as the one in Baileys. */
async function fetchClientVersion(web: RequestInit, stop: AbortSignal): Promise<ClientVersion> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(lookUpMs)]);
  const { isLatest, version, error } = await fetchLatestWaWebVersion({ ...web, signal });
  // A failure also comes with a version: the one in Baileys.
  if (!isLatest) throw new Error("the page of WhatsApp Web names no version", { cause: error });
  const found = clientVersion.parse(version);
  if (isNewer(builtIn, found)) throw new Error(`WhatsApp Web names ${found.join(".")}, older than the one in Baileys`);
  return found;
}

const sameVersion = (one: ClientVersion, other: ClientVersion) => !isNewer(one, other) && !isNewer(other, one);

/** The client version of one session, which does not try a refused one again at once. */
export class SessionVersion {
  readonly #versions: ClientVersions;
  #used: ClientVersion | undefined;
  /** When WhatsApp refused `#used`. Milliseconds since 1970. */
  #refusedAt = Number.NEGATIVE_INFINITY;

  constructor(versions: ClientVersions) {
    this.#versions = versions;
  }

  /** The version to connect with, or undefined while there is only one that WhatsApp has just refused. */
  async next(): Promise<ClientVersion | undefined> {
    const current = await this.#versions.current();
    if (this.#used && sameVersion(current, this.#used) && Date.now() - this.#refusedAt < refusedMs) {
      this.#versions.replace(current);
      return undefined;
    }
    this.#used = current;
    this.#refusedAt = Number.NEGATIVE_INFINITY;
    return current;
  }

  /** WhatsApp has refused the version that `next` returned last. */
  refused(): void {
    this.#refusedAt = Date.now();
    if (this.#used) this.#versions.replace(this.#used);
  }
}
