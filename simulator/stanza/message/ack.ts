import type { StanzaHandler } from "../iq.ts";

/**
 * `ack` from a client: removes the stanza that it names from the queue. An `error` means that the client could not use the
 * stanza. Source: Baileys' Utils/stanza-ack.ts.
 */
export const receiveAck: StanzaHandler = (ack, { world, device }) => {
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
};
