import type { CacheStore } from "@whiskeysockets/baileys";
import { LRUCache } from "lru-cache";
import { deviceListMs } from "../baileys/recipients.ts";

/** Baileys' caches that all sessions of a host share, because their content does not depend on the account. */
export interface SharedCaches {
  userDevicesCache: CacheStore;
  callOfferCache: CacheStore;
}

/** Time to live as in Baileys (7.0.0-rc14, `DEFAULT_CACHE_TTLS` in `Defaults/index.js`). */
const callOffersMs = 5 * 60_000;

export function sharedCaches(): SharedCaches {
  return { userDevicesCache: ttlCache(50_000, deviceListMs), callOfferCache: ttlCache(5_000, callOffersMs) };
}

/**
 * Returns the caches of one session. The device list of the session's own account is not shared, because Baileys omits
 * the requesting device from the list. Other sessions would not send to that device.
 */
export function sessionCaches({ userDevicesCache, ...shared }: SharedCaches, isOwn: (user: string) => boolean) {
  const own = ttlCache(2, deviceListMs);
  const of = (user: string) => (isOwn(user) ? own : userDevicesCache);
  return {
    ...shared,
    userDevicesCache: {
      get: <T>(user: string) => of(user).get<T>(user),
      set: <T>(user: string, devices: T) => of(user).set(user, devices),
      del: (user: string) => of(user).del(user),
      flushAll: () => own.flushAll(),
    } satisfies CacheStore,
  };
}

/**
 * Returns a bounded cache without timers. With Baileys' default caches, 200 sessions wake the process hundreds of times
 * a minute.
 */
export function ttlCache(max: number, ttlMs: number): CacheStore {
  const cache = new LRUCache<string, { value: unknown }>({ max, ttl: ttlMs });
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
