import type { CacheStore } from "@whiskeysockets/baileys";
import { LRUCache } from "lru-cache";

/** Caches that all sessions of a host may share, because what they hold does not depend on who asked. */
export interface SharedCaches {
  userDevicesCache: CacheStore;
  callOfferCache: CacheStore;
}

export function sharedCaches(): SharedCaches {
  return { userDevicesCache: ttlCache(50_000, 5 * 60_000), callOfferCache: ttlCache(5_000, 5 * 60_000) };
}

/** A bounded cache without timers: 200 sessions of Baileys' default one wake the process hundreds of times a minute. */
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
