import { succeed } from "../../../core/command/end.ts";
import { AppError } from "../../../core/error.ts";
import type { Logger } from "../../../core/log.ts";
import type { Wait } from "../../../core/restriction/index.ts";
import { refusalError } from "../../baileys/restriction.ts";
import type { ConnectedContext } from "../../executors/types.ts";
import { unarchivalOf } from "../../inbound/unarchival.ts";
import type { Change } from "../../ledger/change.ts";
import { isSend, type OrderedCommand } from "../claim/claimed-command.ts";
import type { Brake } from "../limit/brake.ts";
import { traceOf } from "../trace.ts";
import { type Failures, retryMs } from "./failures.ts";
import type { Ack, Flight, Flights } from "./flights.ts";
import { outputOf } from "./stanza.ts";
import { isTemporary, refusalCode, type Tries } from "./tries.ts";

export interface AcksDeps {
  log: Logger;
  brake: Brake | undefined;
  inFlight: Flights;
  tries: Tries;
  failures: Failures;
  now: () => number;
  /** The current connection, if there is one. */
  context: () => ConnectedContext | undefined;
  /** Whether an error means that a connection has ended. */
  isEnd: (error: unknown, context: ConnectedContext) => boolean;
  /** Records the end of a command. */
  end: (command: OrderedCommand, change: Change) => void;
  /** Goes on with the waiting commands. */
  pump: () => void;
}

/** Handles WhatsApp's acknowledgements and refusals of the stanzas of one instance. */
export class Acks {
  readonly #deps: AcksDeps;

  constructor(deps: AcksDeps) {
    this.#deps = deps;
  }

  /**
   * Handles an acknowledgement: sends the message to devices that did not get it, or ends the command whose stanza
   * WhatsApp has acknowledged or refused.
   */
  acknowledge(waId: string, ack: Ack): void {
    const flight = this.#deps.inFlight.get(waId);
    if (ack.error && flight?.accepted) {
      this.#deps.inFlight.land(waId);
      this.arrive(flight, ack.error);
      return;
    }
    // WhatsApp refuses with 463 if the account is restricted, or if the address is the wrong one of the recipient. Trying
    // the other address under a restriction would make it longer, so the restriction is looked up first.
    if (ack.error === "463") void this.#refused(waId, ack.error, () => this.#settle(waId, ack));
    else this.#settle(waId, ack);
  }

  /** Ends the command of a message that WhatsApp has accepted. `failure`: why further devices did not get their copies. */
  arrive({ waId, command, changeOnAck, address, refusal }: Flight, failure?: string): void {
    const { log, tries, context, brake, end, pump } = this.#deps;
    if (failure) log.warn({ ...traceOf(command), failure }, "an accepted message did not reach all devices");
    tries.forget(command);
    if (refusal && address.kind) context()?.addressing.learn(address.kind);
    if (isSend(command)) brake?.acknowledged();
    const creds = context()?.sock.authState.creds;
    const unarchival = creds && isSend(command) ? unarchivalOf(waId, new Date(), creds) : {};
    end(command, changeOnAck ?? { acks: [{ waId }], ...unarchival, ...succeed(command, outputOf(command, waId)) });
    pump();
  }

  #settle(waId: string, ack: Ack): void {
    const { inFlight, now } = this.#deps;
    const flight = inFlight.get(waId);
    const context = this.#deps.context();
    // The connection has ended. The message is sent again on the next one.
    if (!context) return;
    const repair = flight?.repair(ack);
    if (!flight || !repair) {
      this.#land(waId, ack);
      return;
    }
    repair.then(
      (isWaiting) => {
        if (isWaiting) flight.since = now();
        // The connection may have ended. The message is then sent again on the next one.
        else if (inFlight.get(waId) === flight) this.#land(waId, ack);
      },
      (error: unknown) => this.#onRepairFailure(waId, ack, flight, context, error),
    );
  }

  #onRepairFailure(waId: string, ack: Ack, flight: Flight, context: ConnectedContext, error: unknown): void {
    const { inFlight, isEnd, log, failures, pump } = this.#deps;
    if (inFlight.get(waId) !== flight || isEnd(error, context)) return;
    const { command } = flight;
    log.warn({ ...traceOf(command), err: error }, "a message could not be sent to all devices");
    // WhatsApp has refused the message, so another try can't send it twice.
    if (ack.error && (isTemporary(error) || refusalCode(error) === 429)) {
      inFlight.remove(command);
      void failures.handle(command, context, error).then(pump);
    } else this.#land(waId, ack);
  }

  #land(waId: string, { error }: Ack): void {
    if (error) {
      void this.#refused(waId, error);
      return;
    }
    const flight = this.#deps.inFlight.land(waId);
    if (flight) this.arrive(flight);
  }

  /**
   * Lets a send that WhatsApp has refused wait until the restriction of the account ends. If there is none, calls
   * `otherwise` or fails the command.
   */
  async #refused(waId: string, error: string, otherwise?: () => void): Promise<void> {
    const { brake, inFlight, isEnd, log, failures, pump } = this.#deps;
    const flight = inFlight.get(waId);
    const context = this.#deps.context();
    if (!flight || !context) return;
    const { command } = flight;
    // The stanza is no longer overdue. It stays in flight, so that it is sent again if the connection ends meanwhile.
    flight.since = Number.POSITIVE_INFINITY;
    // Of the errors for the two addresses, 463 says more: the other one only means that this address is the wrong one.
    const code = flight.refusal === "463" ? flight.refusal : error;
    const isInFlight = () => inFlight.get(waId) === flight;
    let verdict: Wait | AppError = refusalError(code);
    try {
      if (brake && isSend(command)) verdict = await brake.refused(command, code, context);
    } catch (cause) {
      if (!isInFlight() || isEnd(cause, context)) return;
      log.warn({ ...traceOf(command), err: cause }, "can't tell why WhatsApp refused a send; trying again");
      setTimeout(() => (isInFlight() ? void this.#refused(waId, error, otherwise) : undefined), retryMs);
      return;
    }
    if (!isInFlight()) return;
    if (verdict instanceof AppError && otherwise) return otherwise();
    inFlight.land(waId);
    failures.obey(verdict, command, context);
    pump();
  }
}
