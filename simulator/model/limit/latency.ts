/** The delay of each stanza, in each direction. Stanzas of one connection keep their order. */
export type LatencyRange = { minMs: number; maxMs: number; seed: number };

/** Returns a function that returns the next delay. The same seed and connection always give the same delays. */
export function delays({ minMs, maxMs, seed }: LatencyRange, connection: number): () => number {
  // mulberry32 by Tommy Ettinger, public domain
  let state = (seed + Math.imul(connection, 0x9e3779b9)) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return minMs + (((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * (maxMs - minMs);
  };
}
