import { DEFAULT_CONNECTION_CONFIG, fetchLatestWaWebVersion } from "@whiskeysockets/baileys";
import {
  claimLookUp,
  endLookUp,
  isNewer,
  keepClientVersion,
  readClientVersion,
} from "../../../core/client-version/index.ts";
import { type ClientVersion, clientVersion } from "../../../core/config.ts";
import type { Claims } from "../../../core/db/claim-lease.ts";
import type { Database } from "../../../core/db/index.ts";
import type { Logger } from "../../../core/log.ts";
import { count } from "../../../core/metric/index.ts";
import type { ClientVersionSource } from "../../../core/shard/shard.sql.ts";
import type { WhatsAppEndpoint } from "../../baileys/whatsapp.ts";

/** The version in Baileys, which is as old as the release of Baileys. */
const builtIn: ClientVersion = DEFAULT_CONNECTION_CONFIG.version;

/** Timeout of a look-up. This and the times below are in milliseconds. */
const lookUpMs = 10_000;
/**
 * Minimum time between look-ups of the whole fleet after a refusal (see `claimLookUp`). This time is longer than a
 * look-up, so that no two look-ups run at once.
 */
const refusedPace = { askedMs: 60_000, foundMs: 0 };
/**
 * Minimum time between look-ups of the whole fleet without a refusal. WhatsApp publishes one or more revisions a day,
 * and each stays valid for weeks.
 */
const usualPace = { askedMs: 15 * 60_000, foundMs: 6 * 60 * 60_000 };
/** How often a host checks whether a look-up is due. */
const checkMs = 5 * 60_000;
/** How long a session waits before it tries a refused version again, unless there is another version. */
const refusedMs = 5 * 60_000;

interface Choice {
  version: ClientVersion;
  source: ClientVersionSource;
}

export interface ClientVersionsDeps {
  db: Database;
  claims: Claims;
  endpoint: Pick<WhatsAppEndpoint, "web" | "real">;
  pinned: ClientVersion | undefined;
  log: Logger;
}

/**
 * Chooses the client version that a host presents to WhatsApp: the pinned version if there is one, otherwise the newer
 * of the version that a host of the fleet has looked up and the version in Baileys. No connection waits for a look-up.
 */
export class ClientVersions {
  readonly #deps: ClientVersionsDeps;
  readonly #stop = new AbortController();
  #runningLookUp: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #chosen: Choice | undefined;

  constructor(deps: ClientVersionsDeps) {
    this.#deps = deps;
  }

  /** Logs the version that is used from now on, and looks for newer versions in the background. */
  async start(): Promise<void> {
    const { version, source } = await this.#choose();
    this.#deps.log.info({ clientVersion: version.join("."), source }, "client version for WhatsApp");
    this.#lookUp(usualPace);
    this.#timer = setInterval(() => this.#lookUp(usualPace), checkMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    await this.#runningLookUp;
  }

  /** Returns the version for the next connection. */
  async current(): Promise<ClientVersion> {
    return (await this.#choose()).version;
  }

  /** Looks for another version in the background, because WhatsApp has refused this one. */
  replace(refused: ClientVersion): void {
    this.#lookUp(refusedPace, refused);
  }

  /** The version that was chosen last, as text, and its source. */
  get chosen(): { version: string; source: ClientVersionSource } | undefined {
    return this.#chosen && { ...this.#chosen, version: this.#chosen.version.join(".") };
  }

  async #choose(): Promise<Choice> {
    const { db, pinned } = this.#deps;
    const stored = pinned ? undefined : await readClientVersion(db);
    if (pinned) this.#chosen = { version: pinned, source: "pinned" };
    else if (stored && isNewer(stored, builtIn)) this.#chosen = { version: stored, source: "stored" };
    else this.#chosen = { version: builtIn, source: "built in" };
    return this.#chosen;
  }

  /** Looks for a version in the background, unless a look-up is running. */
  #lookUp(pace: typeof usualPace, refused?: ClientVersion): void {
    if (this.#runningLookUp || this.#stop.signal.aborted) return;
    this.#runningLookUp = this.#findAndKeep(pace, refused)
      .catch((error: unknown) => this.#logFailure(error, refused))
      .finally(() => {
        this.#runningLookUp = undefined;
      });
  }

  async #findAndKeep(pace: typeof usualPace, refused: ClientVersion | undefined): Promise<void> {
    const { db, claims, endpoint, pinned } = this.#deps;
    const page = !pinned && endpoint.web;
    // Even if no look-up is possible, one host of the fleet logs the refusal.
    if (!(page || refused)) return;
    await claims.hold(async (lease) => {
      if (!(await claimLookUp(db, lease, pace))) return;
      await this.#lookUpClaimed(page, refused).finally(() => endLookUp(db, lease));
    });
  }

  async #lookUpClaimed(page: RequestInit | false | undefined, refused: ClientVersion | undefined): Promise<void> {
    const { db, pinned, log } = this.#deps;
    if (!page)
      throw new Error(pinned ? "WHATSAPP_VERSION pins it" : "this server has no page that names a client version");
    const found = await fetchClientVersion(page, this.#stop.signal);
    const kept = await keepClientVersion(db, found, refused);
    if (refused && sameVersion(kept, refused)) throw new Error("WhatsApp publishes no other version");
    log.info(
      { clientVersion: kept.join("."), found: found.join("."), source: "looked up" },
      "client version looked up",
    );
  }

  /** Logs a failed look-up. */
  #logFailure(error: unknown, refused: ClientVersion | undefined): void {
    const { log, endpoint } = this.#deps;
    if (this.#stop.signal.aborted) return;
    if (refused) {
      count("ClientOutdated");
      const advice =
        "WhatsApp refuses the client version, and no other version is known: set WHATSAPP_VERSION or update";
      log.error({ err: error, clientVersion: refused.join(".") }, advice);
    } else {
      // A server that replaces WhatsApp may not publish a version, so this failure is not a problem there.
      log[endpoint.real ? "warn" : "debug"](
        { err: error },
        "client version not looked up: the known version stays in use",
      );
    }
  }
}

/**
 * Returns the version on the page of WhatsApp Web. Throws if the page names no version, or an older version than
 * Baileys contains.
 */
async function fetchClientVersion(web: RequestInit, stop: AbortSignal): Promise<ClientVersion> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(lookUpMs)]);
  const { isLatest, version, error } = await fetchLatestWaWebVersion({ ...web, signal });
  // If Baileys fails to read the page, it returns its own version, with `isLatest` false.
  if (!isLatest) throw new Error("the page of WhatsApp Web names no version", { cause: error });
  const found = clientVersion.parse(version);
  if (isNewer(builtIn, found))
    throw new Error(`WhatsApp Web names ${found.join(".")}, which is older than the version in Baileys`);
  return found;
}

const sameVersion = (a: ClientVersion, b: ClientVersion) => !isNewer(a, b) && !isNewer(b, a);

/** The client version of one session. Makes the session wait before it tries a refused version again. */
export class SessionVersion {
  readonly #versions: ClientVersions;
  #used: ClientVersion | undefined;
  /** When WhatsApp refused `#used`. Milliseconds since 1970. */
  #refusedAt = Number.NEGATIVE_INFINITY;

  constructor(versions: ClientVersions) {
    this.#versions = versions;
  }

  /** Returns the version to connect with, or undefined while WhatsApp has just refused the only known version. */
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

  /** Notes that WhatsApp has refused the version that `next` returned last. */
  refused(): void {
    this.#refusedAt = Date.now();
    if (this.#used) this.#versions.replace(this.#used);
  }
}
