import { type BinaryNode, type GroupMetadata, getBinaryNodeChild, type WASocket } from "@whiskeysockets/baileys";
import { LRUCache } from "lru-cache";
import { within } from "../../core/timeout.ts";

/** Maximum wait for the lookup of an unknown group, which delays the message that is about to be sent. */
const lookupTimeoutMs = 5_000;
const maxGroups = 5_000;

/** The disappearing-message timers of groups, in seconds, as one connection reports them. */
export class DisappearingTimers {
  readonly #seconds = new LRUCache<string, number>({ max: maxGroups });

  listen(sock: WASocket): void {
    // Baileys reports the timer of every group that it reads completely. Partial updates have no participants. A report
    // may be late, so it does not replace a change that WhatsApp has already announced.
    const addRead = (groups: Partial<GroupMetadata>[]) => {
      for (const { id, participants, ephemeralDuration = 0 } of groups)
        if (id && participants && !this.#seconds.has(id)) this.#seconds.set(id, ephemeralDuration);
    };
    sock.ev.on("groups.update", addRead);
    sock.ev.on("groups.upsert", addRead);
    sock.ws.on("CB:notification,type:w:gp2", (stanza: BinaryNode) => {
      const { from } = stanza.attrs;
      const on = getBinaryNodeChild(stanza, "ephemeral");
      if (from && on) this.#seconds.set(from, Number(on.attrs.expiration) || 0);
      else if (from && getBinaryNodeChild(stanza, "not_ephemeral")) this.#seconds.set(from, 0);
    });
  }

  /**
   * Returns the timer of a group in seconds, or 0 if its messages don't disappear or the lookup fails or takes too
   * long.
   */
  async secondsOf(group: string, sock: WASocket): Promise<number> {
    const known = this.#seconds.get(group);
    if (known !== undefined) return known;
    // If this lookup fails because the account is not in the group, the send fails with that reason.
    const metadata = await within(lookupTimeoutMs, sock.groupMetadata(group), () => new Error("timeout")).catch(
      () => undefined,
    );
    const announced = this.#seconds.get(group);
    if (announced !== undefined || !metadata) return announced ?? 0;
    const seconds = metadata.ephemeralDuration ?? 0;
    this.#seconds.set(group, seconds);
    return seconds;
  }
}
