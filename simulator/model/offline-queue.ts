import type { BinaryNode } from "../wire/node.ts";

/** Stanzas that the server keeps for a device until a receipt or ack from the device names them, in order of arrival. */
export class OfflineQueue {
  #entries = new Set<BinaryNode>();
  #byId = new Map<string, BinaryNode[]>();

  get size(): number {
    return this.#entries.size;
  }

  [Symbol.iterator](): IterableIterator<BinaryNode> {
    return this.#entries.values();
  }

  keep(stanza: BinaryNode): void {
    this.#entries.add(stanza);
    const key = `${stanza.tag}:${stanza.attrs.id}`;
    const same = this.#byId.get(key);
    if (same) same.push(stanza);
    else this.#byId.set(key, [stanza]);
  }

  /** Returns the oldest stanza with this tag and id that matches, or the oldest one with this tag and id. */
  find(tag: string, id: string, matches: (stanza: BinaryNode) => boolean): BinaryNode | undefined {
    const same = this.#byId.get(`${tag}:${id}`);
    return same?.find(matches) ?? same?.[0];
  }

  /**
   * Removes and returns the oldest stanza with this tag and id that matches. If no such stanza matches, takes the
   * oldest stanza with this tag and id. Several stanzas can have the same id, because a resend has the id of the
   * original. Each acknowledgement releases one of these stanzas.
   */
  release(tag: string, id: string, matches: (stanza: BinaryNode) => boolean): BinaryNode | undefined {
    const key = `${tag}:${id}`;
    const same = this.#byId.get(key);
    if (!same) return undefined;
    const found = Math.max(0, same.findIndex(matches));
    const [released] = same.splice(found, 1);
    if (same.length === 0) this.#byId.delete(key);
    if (released) this.#entries.delete(released);
    return released;
  }

  clear(): void {
    this.#entries.clear();
    this.#byId.clear();
  }
}
