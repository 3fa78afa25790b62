import { type BinaryNode, getBinaryNodeChild, type WASocket } from "@whiskeysockets/baileys";
import { AppError } from "../../core/error.ts";
import { within } from "../../core/timeout.ts";
import { Limiter } from "../concurrency/limiter.ts";

const answerTimeoutMs = 15_000;

/** Requests the pairing codes of one session, one at a time: nothing in WhatsApp's answer tells two requests apart. */
export class PairingCodes {
  readonly #turns = new Limiter(1);

  /** Requests a code on the socket that `sock` returns when earlier requests have ended. Throws `whatsapp_error`. */
  async request(sock: () => WASocket | undefined, phoneNumber: string): Promise<string> {
    const leave = await this.#turns.enter();
    try {
      const current = sock();
      if (!current) throw new AppError("whatsapp_error", "WhatsApp does not offer a pairing now");
      return await requestPairingCode(current, phoneNumber);
    } finally {
      leave();
    }
  }
}

/**
 * Returns a code for "Link with phone number" after WhatsApp has accepted the request for the code, so that the user
 * can enter the code immediately. Throws `whatsapp_error` if WhatsApp refuses the request or does not answer.
 *
 * Baileys only sends the request (7.0.0-rc14, `requestPairingCode` in `Socket/socket.js`). WhatsApp answers it with the
 * reference of the pairing (whatsmeow, `PairPhone` in `pair-code.go`). An error before a login belongs to this request,
 * because the only other requests are Baileys' pings.
 */
async function requestPairingCode({ ws, requestPairingCode }: WASocket, phoneNumber: string): Promise<string> {
  const { promise: accepted, resolve, reject } = Promise.withResolvers<void>();
  const onAnswer = (iq: BinaryNode) => {
    if (getBinaryNodeChild(getBinaryNodeChild(iq, "link_code_companion_reg"), "link_code_pairing_ref")) resolve();
  };
  const onError = (iq: BinaryNode) => {
    const code = getBinaryNodeChild(iq, "error")?.attrs.code ?? "unknown";
    reject(new AppError("whatsapp_error", `WhatsApp refused the request for a code (error ${code})`));
  };
  ws.on("CB:iq,type:result,link_code_companion_reg", onAnswer);
  ws.on("CB:iq,type:error", onError);
  try {
    const late = () => new AppError("whatsapp_error", "WhatsApp did not answer the request for a code in time");
    const [code] = await within(answerTimeoutMs, Promise.all([requestPairingCode(phoneNumber), accepted]), late);
    return code;
  } finally {
    ws.off("CB:iq,type:result,link_code_companion_reg", onAnswer);
    ws.off("CB:iq,type:error", onError);
  }
}
