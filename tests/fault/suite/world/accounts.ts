import type { Phone } from "../../../../simulator/index.ts";
import { until } from "../../../support/until.ts";
import type { Rest } from "./rest.ts";
import { Sink } from "./sink.ts";
import type { World } from "./world.ts";

/** An instance, the phone that it is linked to, and the people who exchange messages with it. */
export interface Account {
  index: number;
  id: string;
  owner: Phone;
  peers: Phone[];
  /** What arrived on the event queue of the instance, if it has one. */
  sink: Sink | undefined;
}

const sinkQueue = "switchboard-events-suite.fifo";

/**
 * Creates an instance and links it. The owner's phone is then offline, so that this process doesn't decrypt each message
 * twice. One of the people reads each message at once.
 */
export async function linkAccount(
  world: World,
  rest: Rest,
  index: number,
  options: { peers?: number; sink?: boolean } = {},
): Promise<Account> {
  const number = (kind: number, of: number) => `4915${kind}${String(index * 10 + of).padStart(7, "0")}`;
  const owner = await world.wa.addPhone({ number: number(1, 0), pushName: `Owner ${index}` });
  const peers = await Promise.all(
    Array.from({ length: options.peers ?? 2 }, (_, of) =>
      world.wa.addPhone({ number: number(2, of), pushName: `Peer ${index} ${of}`, autoRead: of % 2 === 1 }),
    ),
  );
  const body = {
    name: `instance ${index}`,
    webhookUrl: world.endpoints.urlOf(index),
    retryInterval: 1000,
    maxRetries: 10,
  };
  const sink = options.sink ? await Sink.start(world, sinkQueue) : undefined;
  if (sink) Object.assign(body, { eventQueue: sinkQueue });
  const { body: created } = await rest.repeat("POST", "/api/instances", { body });
  const id = String(created.id);
  await until(() => scanned(rest, id, owner), scanLimitMs);
  await connected(rest, id);
  owner.goOffline();
  return { index, id, owner, peers, sink };
}

/** How long an instance may take to show a QR code that can be scanned, on a busy machine. Milliseconds. */
const scanLimitMs = 180_000;

/**
 * Scans the QR code of an instance. Returns undefined if that fails: a host that starts takes shards of another host, whose
 * QR codes then expire.
 */
async function scanned(rest: Rest, id: string, owner: Phone): Promise<true | undefined> {
  const { body } = await rest.repeat("GET", `/api/instances/${id}/qr`);
  try {
    await owner.scanQr(String(body.qrCode));
    return true;
  } catch {
    return undefined;
  }
}

/** Waits until an instance is connected. */
export async function connected(rest: Rest, id: string): Promise<void> {
  await rest.repeat("GET", `/api/whatsapp/${id}/status`, { final: ({ body }) => body.status === "connected" });
}
