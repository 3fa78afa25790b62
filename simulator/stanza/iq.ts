import type { Device } from "../model/account.ts";
import type { Connection } from "../model/connection.ts";
import type { World } from "../model/world.ts";
import { SERVER_JID } from "../wire/jid.ts";
import { type BinaryNode, node } from "../wire/node.ts";

/** The device that sent a stanza, with its socket. */
export type Origin = { world: World; connection: Connection; device: Device };

/** Returns the answer to an `iq`, or undefined to send none. Throws `Refusal`, `Unsupported` or `BadStanza`. */
export type IqHandler = (iq: BinaryNode, origin: Origin) => BinaryNode | undefined;

/** Handles a stanza that is not an `iq`. */
export type StanzaHandler = (stanza: BinaryNode, origin: Origin) => void;

/** Builds the answer to a successful `iq` (`type=result`). */
export function result(iq: BinaryNode, content?: BinaryNode[]): BinaryNode {
  return node("iq", { id: iq.attrs.id, type: "result", from: iq.attrs.to ?? SERVER_JID }, content);
}

/** Builds the answer to a failed `iq` (`type=error`). */
export function failure(iq: BinaryNode, code: number, text: string): BinaryNode {
  return node("iq", { id: iq.attrs.id, type: "error", from: iq.attrs.to ?? SERVER_JID }, [
    node("error", { code: String(code), text }),
  ]);
}
