import type { Device } from "../../model/device.ts";
import type { World } from "../../model/world.ts";
import type { BinaryNode } from "../../wire/node.ts";

/** A client's `ack`: what it names was received and need not be kept. An `error` says it could not be used. */
export function receiveAck(world: World, device: Device, ack: BinaryNode): void {
  world.counts.acks++;
  const { id, to, participant, type } = ack.attrs;
  if (id === undefined) return;
  if (ack.attrs.error) device.counts.nacked++;
  const released = device.kept.release(
    ack.attrs.class ?? "message",
    id,
    ({ attrs }) => attrs.from === to && attrs.participant === participant && attrs.type === type,
  );
  if (released) device.counts.acked++;
  if (released?.tag === "notification" && released.attrs.type === "encrypt") device.lowPreKeyNoticeOpen = false;
}
