import { FairTurns, type Owner } from "../../concurrency/fair-turns.ts";

/** How many sessions of a host may log in at once. Applies to sessions with a proxy and to the others, each. */
export const concurrentLogins = 8;
/**
 * How long a session with a proxy keeps its place while its WebSocket doesn't open, in milliseconds. A proxy that accepts
 * connections and then stays silent holds a session for 20 s (`connectTimeoutMs`).
 */
export const dialMs = 2_000;

/**
 * Limits how many sessions of a host log in at once, because a first login takes a tenth of a second of CPU time. Users
 * take turns. Sessions with a proxy have their own places, so that a slow proxy delays no session without one.
 */
export class LoginPlaces {
  readonly #direct = new FairTurns(concurrentLogins);
  readonly #proxied = new FairTurns(concurrentLogins);

  /** Resolves when the session may log in. */
  async enter(owner: Owner, proxied: boolean): Promise<Login> {
    const enter = () => (proxied ? this.#proxied : this.#direct).enter(owner);
    return new Login(await enter(), proxied ? enter : undefined);
  }
}

/** One login, from the opening of the WebSocket until WhatsApp answers. It has a place while it needs CPU time. */
export class Login {
  /** Frees the place. */
  #leave: () => void;
  /** Takes a place again. Undefined for a login that keeps its place while its WebSocket opens. */
  readonly #enter: (() => Promise<() => void>) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waitsWithoutPlace = false;
  #ended = false;

  constructor(leave: () => void, enter: (() => Promise<() => void>) | undefined) {
    this.#leave = leave;
    this.#enter = enter;
  }

  /** Frees the place if the WebSocket doesn't open soon. */
  dialing(): void {
    if (this.#enter && !this.#ended) this.#timer = setTimeout(() => this.#waitWithoutPlace(), dialMs);
  }

  /** The WebSocket is open. Resolves when the handshake may start. */
  async opened(): Promise<void> {
    clearTimeout(this.#timer);
    if (!this.#waitsWithoutPlace || !this.#enter) return;
    const leave = await this.#enter();
    if (this.#ended) return leave();
    this.#leave = leave;
  }

  /** Frees the place. Further calls have no effect. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#leave();
  }

  #waitWithoutPlace(): void {
    this.#waitsWithoutPlace = true;
    this.#leave();
  }
}
