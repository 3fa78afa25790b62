import type { WireAddress } from "../../baileys/address/addressing.ts";
import type { Change } from "../../ledger/change.ts";
import type { OrderedCommand } from "../claim/claimed-command.ts";

/**
 * Maximum time without an acknowledgement. WhatsApp normally acknowledges in well under a second. After this time, the
 * stanza is sent again.
 */
const ackTimeoutMs = 15_000;
/** After this time without an acknowledgement, the server is asked for any answer, to find out whether the link works. */
const probeAfterMs = 10_000;
/**
 * How often a stanza is sent before its outcome counts as unknown, on a connection that works. Together 45 s. Whatsmeow
 * sends once and gives up after 75 s (`defaultRequestTimeout` in request.go).
 */
const maxRounds = 3;
/**
 * A round on a connection that answered nothing counts as this part of a round, and only for the oldest stanza: the
 * network is the likely reason.
 */
const silentRound = 1 / 3;

/** WhatsApp's acknowledgement of a message. */
export interface Ack {
  /** WhatsApp's code if it refused the message. */
  error: string | undefined;
  /** WhatsApp's hash of the devices that should have got the message, if it reports one. */
  phash: string | undefined;
}

/** A stanza that WhatsApp has not acknowledged. */
export interface Flight {
  command: OrderedCommand;
  waId: string;
  /** Where `send` sends the stanza to. */
  address: WireAddress;
  /** WhatsApp's error for the recipient's other address, if `repair` has changed the address. */
  refusal?: string;
  /** Whether WhatsApp has accepted the message. Copies for further devices may still be unacknowledged. */
  accepted?: boolean;
  /**
   * When sending began, on the monotonic clock. For a large audience, Infinity while the stanza is still being
   * encrypted.
   */
  since: number;
  /** Whether the stanza is encrypted and written to the socket. Before that, look-ups may take long. */
  sent: boolean;
  /** For a mutation: the change to record when WhatsApp acknowledges the stanza. */
  changeOnAck?: Change;
  /** Sends the stanza, with the same id each time. Sets `since` and `sent`. */
  send: () => Promise<void>;
  /**
   * Sends the message to the devices that did not get it, if the acknowledgement shows that there are some. Resolves
   * with whether another acknowledgement follows. Returns undefined if there is nothing to repair.
   */
  repair: (ack: Ack) => Promise<boolean> | undefined;
}

export interface FlightsDeps {
  /** Returns the monotonic time in milliseconds. */
  now: () => number;
  /** Resolves if WhatsApp answers a ping. Rejects if it does not. */
  ping: () => Promise<unknown>;
  /** Called when nothing arrives from WhatsApp any more. The connection must be dropped. */
  onSilence: () => void;
  /** Sends an overdue stanza again. */
  repeat: (flight: Flight) => void;
  /** Called when a stanza was sent in all rounds and stayed without an acknowledgement. It is no longer in flight. */
  giveUp: (flight: Flight) => void;
}

/**
 * The stanzas of one instance that WhatsApp has not acknowledged. If one stays unacknowledged although the connection
 * works, only that stanza is sent again and finally given up. The connection and the other stanzas are not affected.
 */
export class Flights {
  readonly #deps: FlightsDeps;
  /** By WhatsApp's id, the oldest first. */
  readonly #flights = new Map<string, Flight>();
  /** Rounds without an acknowledgement by command id. Kept across connections. */
  readonly #rounds = new Map<string, number>();
  /** When WhatsApp last answered something, on the monotonic clock. */
  #answeredAt = Number.NEGATIVE_INFINITY;
  #pinging = false;

  constructor(deps: FlightsDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#flights.size;
  }

  get(waId: string): Flight | undefined {
    return this.#flights.get(waId);
  }

  add(waId: string, flight: Flight): void {
    this.#flights.set(waId, flight);
  }

  /** Removes the stanza that WhatsApp has acknowledged or refused. */
  land(waId: string): Flight | undefined {
    this.#answeredAt = this.#deps.now();
    const flight = this.#flights.get(waId);
    if (flight) this.#forget(waId, flight);
    return flight;
  }

  /** Removes the stanzas of a command that has failed. */
  remove(command: OrderedCommand): void {
    for (const [waId, flight] of this.#flights) if (flight.command === command) this.#forget(waId, flight);
  }

  /** Removes all stanzas, because the connection ends. Returns their commands. */
  clear(): OrderedCommand[] {
    const commands = [...this.#flights.values()].map((flight) => flight.command);
    this.#flights.clear();
    return commands;
  }

  /** Call this every second while connected. */
  check(): void {
    const now = this.#deps.now();
    const overdue = (ms: number) => [...this.#flights].filter(([, { since }]) => now - since > ms);
    if (overdue(probeAfterMs).length > 0) this.#ping();
    for (const [waId, flight] of overdue(ackTimeoutMs)) {
      const works = this.#answeredAt >= flight.since + probeAfterMs;
      if (works && !flight.sent) continue;
      const rounds = (this.#rounds.get(flight.command.id) ?? 0) + (works ? 1 : silentRound);
      this.#rounds.set(flight.command.id, rounds);
      if (rounds > maxRounds - silentRound / 2) {
        this.#forget(waId, flight);
        this.#deps.giveUp(flight);
      } else if (works) this.#deps.repeat(flight);
      if (works) continue;
      this.#deps.onSilence();
      return;
    }
  }

  #forget(waId: string, { command }: Flight): void {
    this.#flights.delete(waId);
    this.#rounds.delete(command.id);
  }

  #ping(): void {
    if (this.#pinging) return;
    this.#pinging = true;
    this.#deps.ping().then(
      () => {
        this.#pinging = false;
        this.#answeredAt = this.#deps.now();
      },
      () => {
        this.#pinging = false;
      },
    );
  }
}
