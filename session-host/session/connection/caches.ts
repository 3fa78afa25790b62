import { type CacheStore, jidDecode } from "@whiskeysockets/baileys";
import type { LRUCache } from "lru-cache";
import { lruCache } from "../../../core/lru.ts";
import { type SharedGroups, sharedGroups } from "../../baileys/send/group-cache.ts";
import { Recipients, type RecipientsDeps } from "../../baileys/send/recipients.ts";
import { currentPlan } from "../../baileys/send/send-plan.ts";
import type { Gate } from "./gate.ts";

/** What the sessions of a host share, because it does not depend on the account, or to bound its size. */
export interface SharedCaches {
  userDevicesCache: LRUCache<string, Owned>;
  callOfferCache: CacheStore;
  groups: SharedGroups;
}

/** A device list, and the connection that looked it up and is notified of its changes. */
interface Owned {
  devices: unknown;
  watcher: Watcher;
}

/** `isOpen` is undefined after the end of the connection, which the shared cache then no longer keeps in memory. */
interface Watcher {
  isOpen: (() => boolean) | undefined;
}

/**
 * How long a device list is used, in milliseconds. WhatsApp notifies a connection of changes of the lists that it has
 * looked up, and whatsmeow (user.go) never looks a list up again. Baileys does so after five minutes (7.0.0-rc14,
 * `DEFAULT_CACHE_TTLS` in `Defaults/index.js`).
 */
const deviceListMs = 60 * 60_000;
/** Time to live as in Baileys' `DEFAULT_CACHE_TTLS`. */
const callOffersMs = 5 * 60_000;

export function sharedCaches(): SharedCaches {
  return {
    userDevicesCache: lruCache(50_000, deviceListMs),
    callOfferCache: ttlCache(5_000, callOffersMs),
    groups: sharedGroups(),
  };
}

/** Returns what finds out who gets the messages of a connection. */
export function recipientsOf(
  caches: SharedCaches,
  { socket, store, gate }: Pick<RecipientsDeps, "socket" | "store"> & { gate: Gate },
): Recipients {
  const isOwn = (user: string) => [socket().user?.id, socket().user?.lid].some((jid) => jidDecode(jid)?.user === user);
  const devices = deviceCache(caches, { isOwn, isOpen: () => !gate.failed && socket().ws.isOpen });
  return new Recipients({ socket, store, devices, groups: caches.groups });
}

/** What a session's caches need to know about the session. */
interface CacheOwner {
  /** Returns whether the user part of a JID belongs to the session's account. */
  isOwn: (user: string) => boolean;
  /** Returns whether the session's connection is open. */
  isOpen: () => boolean;
}

/**
 * Returns the device lists of one session. The list of the session's own account is not shared, because it lacks the
 * session's own device. A list that a closed connection looked up is not used, because WhatsApp reports its changes to
 * nobody. While a message is sent, the lists are those of its plan.
 */
function deviceCache({ userDevicesCache }: SharedCaches, { isOwn, isOpen }: CacheOwner): CacheStore {
  const own = ttlCache(4, deviceListMs);
  const watcher: Watcher = { isOpen };
  return {
    get: <T>(user: string) => {
      const plan = currentPlan();
      if (plan) return (plan.devices.get(user) ?? []) as T;
      if (isOwn(user)) return own.get<T>(user);
      const found = userDevicesCache.get(user);
      return found?.watcher.isOpen?.() ? (found.devices as T) : undefined;
    },
    set: (user: string, devices: unknown) => {
      if (isOwn(user)) own.set(user, devices);
      else userDevicesCache.set(user, { devices, watcher });
    },
    del: (user: string) => {
      own.del(user);
      userDevicesCache.delete(user);
    },
    flushAll() {
      own.flushAll();
      watcher.isOpen = undefined;
    },
  };
}

/**
 * Returns a bounded cache without timers. With Baileys' default caches, 200 sessions wake the process hundreds of times
 * a minute.
 */
export function ttlCache(max: number, ttlMs: number): CacheStore {
  const cache = lruCache<string, { value: unknown }>(max, ttlMs);
  return {
    get: <T>(key: string) => cache.get(key)?.value as T | undefined,
    set: (key, value) => {
      cache.set(key, { value });
    },
    del: (key) => {
      cache.delete(key);
    },
    flushAll: () => cache.clear(),
  };
}
