/**
 * Counts the stanzas that are sent under one id. WhatsApp answers each of them, so if a stanza was sent several times
 * before WhatsApp refused it, the refusals of the others arrive while the message is sent in another way.
 */
export class Refusals {
  #sent = 0;
  #late = 0;

  /** Notes that a stanza is sent. */
  sent(): void {
    this.#sent++;
  }

  /** Notes that a refusal is answered with another stanza. */
  answer(): void {
    this.#late += Math.max(this.#sent - 1, 0);
    this.#sent = 0;
  }

  /** Returns whether a refusal may belong to a stanza from before the answer. Counts it. */
  isLate(): boolean {
    if (this.#late === 0) return false;
    this.#late--;
    return true;
  }
}
