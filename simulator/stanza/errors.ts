/** A request that the simulator does not know. The server answers it with 501 and records it. */
export class Unsupported extends Error {}

/** A request that WhatsApp refuses, for example with 404. The server does not record it. */
export class Refusal extends Error {
  readonly code: number;
  constructor(code: number, text: string) {
    super(text);
    this.code = code;
  }
}

/** Why the server does not deliver a message. The ack's `error` contains the code. */
export type Rejection = { code: number; reason: string };
