import type { Change } from "../ledger/change.ts";
import { AutoReader, type AutoReaderDeps } from "./auto-reader.ts";
import { CallRejecter, type CallRejecterDeps } from "./call-rejecter.ts";
import { PhoneRequests, type PhoneRequestsDeps } from "./phone-requests.ts";

/**
 * What one connection sends to WhatsApp because of changes, once they are durable: requests to the phone, read receipts
 * and rejections of calls. The database has what is left to do, so the next connection continues.
 */
export class FollowUp {
  readonly #phone: PhoneRequests;
  readonly #reader: AutoReader;
  readonly #calls: CallRejecter;
  readonly #takeQueued: () => void;

  constructor(deps: PhoneRequestsDeps & AutoReaderDeps & CallRejecterDeps & { takeQueued: () => void }) {
    this.#takeQueued = deps.takeQueued;
    this.#phone = new PhoneRequests(deps);
    this.#reader = new AutoReader(deps);
    this.#calls = new CallRejecter(deps);
  }

  /** Call this when the connection is open. */
  start(): void {
    void this.#phone.start();
    this.#reader.start();
    void this.#calls.start();
  }

  stop(): void {
    this.#phone.stop();
    this.#reader.stop();
  }

  /** Call this with each change that is durable. */
  readonly after = ({ unreadable, messages, events, callAnswers }: Change): void => {
    if (unreadable) this.#phone.wake();
    if (messages?.some(({ autoRead }) => autoRead)) this.#reader.wake();
    const calls = events?.flatMap((event) => (event.type === "call.received" ? [event.data] : []));
    if (calls?.length) this.#calls.reject(calls);
    if (callAnswers?.length) this.#takeQueued();
  };
}
