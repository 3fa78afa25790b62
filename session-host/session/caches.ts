import type { CacheStore } from "@whiskeysockets/baileys";
import { LRUCache } from "lru-cache";

/** Caches that all sessions of a host may share, because what they hold does not depend on who asked. */
export interface SharedCaches {
  userDevicesCache: CacheStore;
  callOfferCache: CacheStore;
}

const devicesMs = 5 * 60_000;

export function sharedCaches(): SharedCaches {
  return { userDevicesCache: ttlCache(50_000, devicesMs), callOfferCache: ttlCache(5_000, 5 * 60_000) };
}

/**
 * The caches of one session. The devices of its own account it keeps to itself: Baileys leaves the device that asks out of them, and
 * others would not write to it.
 */
export function sessionCaches({ userDevicesCache, ...shared }: SharedCaches, isOwn: (user: string) => boolean) {
  const own = ttlCache(2, devicesMs);
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
