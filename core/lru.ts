import { LRUCache } from "lru-cache";

/**
 * Creates a cache of at most `max` entries, with a time to live of `ttl` milliseconds if given. Its memory grows with
 * its entries. With lru-cache's own `max`, each cache reserves memory for all entries at once (11.5.3, `index.js`), which
 * is most of the memory of an idle session.
 */
export function lruCache<Key extends {}, Value extends {}>(max: number, ttl = 0): LRUCache<Key, Value> {
  return new LRUCache({ maxSize: max, sizeCalculation: one, ttl });
}

const one = () => 1;
