/**
 * The simulator does not implement a request. The server answers the request with 501 and records it in the list of
 * unknown stanzas.
 */
export class Unsupported extends Error {}

/** WhatsApp does not answer a request. The simulator records the request. */
export class Unanswered extends Error {}

/** WhatsApp refuses a request, for example with 404. The server does not record the request as unknown. */
export class Refusal extends Error {
  readonly code: number;
  constructor(code: number, text: string) {
    super(text);
    this.code = code;
  }
}

/** The reason why the server does not deliver a message. The `error` of the ack contains the code. */
export type Rejection = { code: number; reason: string };
