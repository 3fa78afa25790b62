import type { Device } from "../model/device.ts";
import type { World } from "../model/world.ts";
import type { Connection } from "../server/connection.ts";
import type { BinaryNode } from "../wire/node.ts";

/** Where an `iq` came from. */
export type Origin = { world: World; connection: Connection; device: Device };

/** Answers an `iq`, or leaves it unanswered by returning nothing. Undefined kinds throw `Unsupported`. */
export type IqHandler = (iq: BinaryNode, origin: Origin) => BinaryNode | undefined;

/** A request that the simulator does not know: answered with 501 and recorded. */
export class Unsupported extends Error {}

/** A request refused for a reason that is part of the protocol, such as 404; not recorded. */
export class Refusal extends Error {
  readonly code: number;
  constructor(code: number, text: string) {
    super(text);
    this.code = code;
  }
}
