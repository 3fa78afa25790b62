import type { WebSocket } from "ws";
import type { Device } from "../model/account.ts";
import type { Connection } from "../model/connection.ts";
import { type Failure, failureAttrs } from "../model/limit/standing.ts";
import type { PairingOffer } from "../model/link/pairing.ts";
import type { World } from "../model/world.ts";
import { setOnline } from "../stanza/account/presence.ts";
import { offerPairing, readRegistration } from "../stanza/device/pairing.ts";
import type { proto } from "../wire/baileys.ts";
import { SERVER_JID } from "../wire/jid.ts";
import { type BinaryNode, decode, describe, encode, node } from "../wire/node.ts";
import { NOISE_HEADER, NoiseResponder } from "../wire/noise.ts";
import { Transport } from "../wire/transport.ts";
import { handleStanza } from "./router.ts";

type State = "hello" | "finish" | "pairing" | "passive" | "active" | "closed";

/** The start of the routing info, which Baileys can send before the Noise header. */
const ROUTING_MARK = Buffer.from("ED");
/**
 * How long the server leaves it to the client to close the socket after `stream:error` or `failure`. whatsmeow handles stanzas
 * in another goroutine than the one that reads the socket (`handlerQueueLoop` in client.go), so a server that closes at once
 * takes the reason from it. The time of WhatsApp's server is not known.
 */
const CLOSE_AFTER_MS = 1000;

/**
 * A client's socket: handles frames, the handshake, the login or registration, then stanzas. Source: Baileys'
 * Utils/noise-handler.ts for frames and handshake; `CB:success`, `CB:failure`, `CB:stream:error` and `CB:ib,,offline` in
 * Socket/socket.ts.
 */
export class SocketConnection implements Connection {
  readonly #world: World;
  readonly #noise: NoiseResponder;
  readonly #transport: Transport;
  #buffered: Buffer = Buffer.alloc(0);
  #state: State = "hello";
  /** Whether the Noise header has arrived. */
  #headerRead = false;
  #left = false;
  readonly #answered: () => void;
  device: Device | undefined;
  pairing: PairingOffer | undefined;

  constructor(world: World, socket: WebSocket) {
    this.#world = world;
    this.#noise = new NoiseResponder(world.certificates);
    this.#transport = new Transport(socket, (data) => this.#receive(data), world.nextDelays());
    world.connections.add(this);
    this.#answered = world.openings.begin();
    socket.on("close", () => this.#handleClose());
    // After an error, the socket also emits `close`.
    socket.on("error", () => this.#transport.cut());
  }

  get active(): boolean {
    return this.#state === "active";
  }

  send(stanza: BinaryNode): void {
    if (this.#state === "closed") return;
    this.#sendFrame(this.#noise.encrypt(encode(stanza)));
  }

  /**
   * Ends the stream with 515 after linking, with 401 after unlinking, or with a conflict when another socket replaces
   * this one.
   */
  end(attrs: Record<string, string>, reason?: BinaryNode): void {
    this.send(node("stream:error", attrs, reason ? [reason] : undefined));
    this.#finish();
  }

  refuse(failure: Failure | number): void {
    this.#answered();
    this.send(node("failure", failureAttrs(typeof failure === "number" ? { reason: failure } : failure)));
    this.#finish();
  }

  close(): void {
    this.#transport.close();
  }

  /** Neither sends nor handles further stanzas, and closes the socket if the client doesn't. */
  #finish(): void {
    this.#state = "closed";
    this.#leave();
    setTimeout(() => this.close(), CLOSE_AFTER_MS).unref();
  }

  cut(): void {
    this.#transport.cut();
    this.#handleClose();
  }

  activate(): void {
    const { device } = this;
    if (!device || this.#state !== "passive") return;
    this.#answered();
    let count = 0;
    for (const kept of device.takeOffline()) {
      this.send({ ...kept, attrs: { ...kept.attrs, offline: String(count) } });
      count++;
    }
    device.counts.redelivered += count;
    this.#state = "active";
    this.send(node("ib", { from: SERVER_JID }, [node("offline", { count: String(count) })]));
    if (device.initialized) return;
    device.initialized = true;
    device.account.phone?.companionReady(device);
  }

  #sendFrame(payload: Buffer): void {
    const frame = Buffer.allocUnsafe(payload.length + 3);
    frame.writeUIntBE(payload.length, 0, 3);
    payload.copy(frame, 3);
    this.#transport.write(frame);
  }

  #receive(data: Buffer): void {
    this.#buffered = this.#buffered.length === 0 ? data : Buffer.concat([this.#buffered, data]);
    try {
      if (!this.#headerRead && !this.#readHeader()) return;
      while (this.#buffered.length >= 3 && this.#state !== "closed") {
        const size = this.#buffered.readUIntBE(0, 3);
        if (this.#buffered.length < size + 3) return;
        const frame = this.#buffered.subarray(3, size + 3);
        this.#buffered = this.#buffered.subarray(size + 3);
        this.#readFrame(frame);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Reads the Noise header, which routing info can precede. Returns false if the header is incomplete. */
  #readHeader(): boolean {
    let start = 0;
    if (this.#buffered.subarray(0, 2).equals(ROUTING_MARK)) {
      if (this.#buffered.length < 7) return false;
      start = 7 + this.#buffered.readUIntBE(4, 3);
    }
    if (this.#buffered.length < start + NOISE_HEADER.length) return false;
    if (!this.#buffered.subarray(start, start + NOISE_HEADER.length).equals(NOISE_HEADER)) {
      throw new Error("the client did not start with the Noise header");
    }
    this.#buffered = this.#buffered.subarray(start + NOISE_HEADER.length);
    this.#headerRead = true;
    return true;
  }

  #readFrame(frame: Buffer): void {
    if (this.#state === "hello") {
      this.#sendFrame(this.#noise.hello(frame));
      this.#state = "finish";
    } else if (this.#state === "finish") {
      const { noiseKey, payload } = this.#noise.finish(frame);
      const purpose = payload.username ? "login" : "link";
      if (!this.#world.versions.accepts(purpose, payload.userAgent)) this.refuse(405);
      else if (payload.username) this.#login(noiseKey, payload);
      else this.#register(noiseKey, payload);
    } else {
      handleStanza(this.#world, this, decode(this.#noise.decrypt(frame)));
    }
  }

  /** Records a protocol error of the client and drops the socket. */
  #fail(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#world.unknown.push({ at: this.#world.clock(), from: this.name, stanza: "", reason });
    this.cut();
  }

  get name(): string {
    return this.device?.pnJid ?? "unpaired";
  }

  recordUnknown(stanza: BinaryNode, reason: string): void {
    this.#world.unknown.push({ at: this.#world.clock(), from: this.name, stanza: describe(stanza), reason });
  }

  #register(noiseKey: Buffer, payload: proto.ClientPayload): void {
    const registration = readRegistration(noiseKey, payload);
    this.#state = "pairing";
    this.pairing = offerPairing(this.#world, this, registration);
    this.#answered();
  }

  #login(noiseKey: Buffer, payload: proto.ClientPayload): void {
    const account = this.#world.accounts.get(String(payload.username));
    const device = account?.companions.get(payload.device ?? 0);
    if (!account || !device?.credentials.noiseKey.equals(noiseKey)) {
      this.refuse(401);
      return;
    }
    const fault = account.standing.refusal(this.#world.clock()) ?? device.faults.login.take();
    if (fault !== undefined) {
      this.refuse(fault);
      return;
    }
    const older = device.socket;
    this.device = device;
    this.#transport.latencyMs = device.faults.latencyMs;
    device.faults.transport = this.#transport;
    device.socket = this;
    device.noteSocket(this.#world.clock(), "open");
    if (older instanceof SocketConnection) older.#replace();
    this.#world.counts.logins++;
    this.#state = "passive";
    this.send(
      node("success", { t: this.#world.seconds, lid: device.lidJid, props: "27", abprops: "1", location: "sim" }),
    );
  }

  /** Closes this socket because a newer socket has the same credentials. */
  #replace(): void {
    this.device?.noteSocket(this.#world.clock(), "replaced");
    this.end({}, node("conflict", { type: "replaced" }));
  }

  #handleClose(): void {
    if (!this.#world.connections.delete(this)) return;
    this.#state = "closed";
    this.#answered();
    for (const ref of this.pairing?.refs ?? []) this.#world.pairings.delete(ref);
    if (this.pairing?.hello) this.#world.linkRequests.remove(this.pairing.hello.number, this);
    this.pairing?.settle.reject(new Error("the client disconnected before it was linked"));
    this.#leave();
  }

  /** Takes the socket from its device. */
  #leave(): void {
    const { device } = this;
    if (!device || this.#left) return;
    this.#left = true;
    device.noteSocket(this.#world.clock(), "close");
    if (device.socket === this) {
      for (const account of this.#world.accounts.values()) account.subscribers.delete(device);
      device.socket = undefined;
      setOnline(this.#world, device, false);
      device.faults.transport = undefined;
    }
  }
}
