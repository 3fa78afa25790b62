import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { WebSocketServer } from "ws";
import type { Device, SocketView } from "../model/account.ts";
import type { LatencyRange } from "../model/limit/latency.ts";
import { MediaStore } from "../model/media-store.ts";
import { type Clock, World } from "../model/world.ts";
import { addPredefinedLabels } from "../phone/owner/labels.ts";
import { Phone, type PhoneOptions } from "../phone/phone.ts";
import type { RelaxableRule } from "../rule/index.ts";
import { Strictness } from "../rule/strictness.ts";
import { issueCertificates } from "../wire/certificate.ts";
import { SocketConnection } from "./connection.ts";
import { closeServer, listenOnLoopback } from "./loopback.ts";
import { MediaHost } from "./media-host.ts";
import { restore } from "./state/restore.ts";
import { save } from "./state/save.ts";
import { readState, writeState } from "./state/saved.ts";
import { serveVersionPage } from "./version-page.ts";

export type WhatsAppOptions = {
  /** Port of the WebSocket. Default: any free port. */
  port?: number;
  /** Port of the primary media host. Default: any free port. The fallback host always has a free port. */
  mediaPort?: number;
  /** Returns milliseconds since the epoch. Default: the system's clock. */
  clock?: Clock;
  /** Directory to write `media-ca.pem` to. Default: `media-ca.pem` is not written. */
  directory?: string;
  maxMediaBytes?: number;
  /**
   * File that stores accounts, devices, keys, Signal sessions and queues across restarts. The server reads the file at
   * the start. The server writes the file at a clean stop and, if something has changed, every `saveEveryMs`. Default:
   * no file.
   */
  stateFile?: string;
  saveEveryMs?: number;
  /** Delays of the stanzas of all sockets. Default: no delay. */
  latency?: LatencyRange;
  /** Rules of WhatsApp that the server does not enforce. Default: it enforces all rules. */
  relax?: readonly RelaxableRule[];
};

/** WhatsApp accepts files up to 2 GB. The simulator accepts less because it keeps files in memory. */
const DEFAULT_MEDIA_BYTES = 256 * 1024 * 1024;
const DEFAULT_SAVE_MS = 15_000;
/**
 * The origin that clients name. A browser names the origin of its page, so no other page can use the simulator. Source:
 * `DEFAULT_ORIGIN` in Baileys' Defaults/index.js.
 */
const WEB_ORIGIN = "https://web.whatsapp.com";
const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/** A running simulated WhatsApp. */
export type WhatsApp = {
  /** For Baileys' `waWebSocketUrl`. */
  readonly url: string;
  /** For Baileys' `WA_CERT_DETAILS.PUBLIC_KEY`: 32 bytes in hex. */
  readonly rootKey: string;
  /** CA certificate of the media hosts, in PEM. */
  readonly mediaCa: string;
  readonly mediaCaFile: string | undefined;
  /** `host:port` of the primary media host. */
  readonly mediaHost: string;
  readonly world: World;
  readonly media: MediaStore;
  /** Stanzas that the simulator does not implement or expect. A test fails if this list is not empty. */
  readonly unknown: World["unknown"];
  addPhone(options: PhoneOptions): Promise<Phone>;
  phone(number: string): Phone | undefined;
  readonly phones: Phone[];
  /** All linked devices. */
  readonly devices: Device[];
  /**
   * Returns a linked device of an account. Without an id, returns the first linked device. Throws if the account has no
   * such device.
   */
  device(number: string, id?: number): Device;
  /** The sockets of all linked devices, by phone-number JID of the device. */
  readonly sockets: Record<string, SocketView>;
  stop(): Promise<void>;
};

/** Starts a simulated WhatsApp on the loopback interface. */
export async function startWhatsApp(options: WhatsAppOptions = {}): Promise<WhatsApp> {
  const { directory, stateFile } = options;
  const clock = options.clock ?? Date.now;
  if (directory) mkdirSync(directory, { recursive: true });
  const saved = stateFile ? readState(stateFile) : undefined;
  const savedMedia = saved && { tls: saved.tls, auth: saved.mediaAuth, files: saved.files };
  const rules = new Strictness(options.relax);
  const media = new MediaStore(clock, rules, options.maxMediaBytes ?? DEFAULT_MEDIA_BYTES, savedMedia);
  const mediaHosts = media.hosts.map((state) => new MediaHost(media, state));
  await Promise.all(mediaHosts.map((host, index) => host.listen(index === 0 ? (options.mediaPort ?? 0) : 0)));
  const certificates = saved?.certificates ?? issueCertificates(Math.floor(clock() / 1000));
  const world = new World({ clock, certificates, media, rules, latency: options.latency });
  const listener = await listen(world, options.port ?? 0);
  const mediaCaFile = directory ? join(directory, "media-ca.pem") : undefined;
  if (mediaCaFile) writeFileSync(mediaCaFile, media.tls.ca);
  const phones = new Phones(world, saved ? restore(saved, world) : []);
  const saveState = () => stateFile && writeState(stateFile, save(world, phones.all));
  const saving = stateFile ? saveWhenChanged(world, saveState, options.saveEveryMs ?? DEFAULT_SAVE_MS) : undefined;
  return {
    url: listener.url,
    rootKey: certificates.root.public.toString("hex"),
    mediaCa: media.tls.ca,
    mediaCaFile,
    mediaHost: media.hostname,
    world,
    media,
    unknown: world.unknown,
    addPhone: async (phoneOptions) => phones.add(phoneOptions),
    phone: (number) => phones.get(number),
    get phones() {
      return phones.all;
    },
    get devices() {
      return devicesOf(world);
    },
    device: (number, id) => findDevice(world, number, id),
    get sockets() {
      return Object.fromEntries(devicesOf(world).map((device) => [device.pnJid, device.sockets]));
    },
    async stop() {
      clearInterval(saving);
      for (const connection of world.connections) connection.cut();
      await listener.close();
      await Promise.all(mediaHosts.map((host) => host.close()));
      saveState();
    },
  };
}

/** Accepts WebSockets, and serves `/sw.js`, on the loopback interface. */
async function listen(world: World, port: number): Promise<{ url: string; close(): Promise<void> }> {
  const http = createServer((request, response) => serveVersionPage(world.versions, request, response));
  const verifyClient = ({ origin }: { origin: string | undefined }) => !origin || origin === WEB_ORIGIN;
  const sockets = new WebSocketServer({
    server: http,
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_BYTES,
    verifyClient,
  });
  sockets.on("connection", (socket) => new SocketConnection(world, socket));
  return {
    url: `ws://127.0.0.1:${await listenOnLoopback(http, port)}/ws/chat`,
    async close() {
      await new Promise<void>((resolve) => sockets.close(() => resolve()));
      await closeServer(http);
    },
  };
}

/** The phones of a world. */
class Phones {
  readonly #world: World;
  readonly #byNumber: Map<string, Phone>;
  #lids: number;

  constructor(world: World, restored: Phone[]) {
    this.#world = world;
    this.#byNumber = new Map(restored.map((phone) => [phone.number, phone]));
    this.#lids = restored.length;
  }

  get all(): Phone[] {
    return [...this.#byNumber.values()];
  }

  get(number: string): Phone | undefined {
    return this.#byNumber.get(number);
  }

  add(options: PhoneOptions): Phone {
    if (!/^\d{5,15}$/.test(options.number)) throw new Error(`${options.number} is not a phone number`);
    const lid = options.lid ?? `9${String(++this.#lids).padStart(13, "0")}${options.number.slice(-1)}`;
    const phone = new Phone(this.#world, options, lid);
    this.#world.add(phone.account);
    // A client has the push name of its account from the app state (`IndexSettingPushName` in whatsmeow's appstate.go), and
    // sends no presence without it (`SendPresence` in its presence.go).
    if (phone.pushName) phone.setPushName(phone.pushName);
    if (phone.account.business) addPredefinedLabels(phone);
    this.#byNumber.set(phone.number, phone);
    return phone;
  }
}

const devicesOf = (world: World): Device[] =>
  [...world.accounts.values()].flatMap((account) => [...account.companions.values()]);

function findDevice(world: World, number: string, id: number | undefined): Device {
  const companions = world.accounts.get(number)?.companions;
  const found = id === undefined ? companions?.values().next().value : companions?.get(id);
  if (!found)
    throw new Error(id === undefined ? `${number} has no linked device` : `${number} has no linked device ${id}`);
  return found;
}

/** Saves periodically, but only if a count has changed since the last time. */
function saveWhenChanged(world: World, save: () => void, everyMs: number): NodeJS.Timeout {
  let saved = "";
  return setInterval(() => {
    const counts = JSON.stringify([
      world.counts,
      world.media.counts,
      world.accounts.size,
      world.groups.size,
      world.channels.size,
    ]);
    if (counts === saved) return;
    saved = counts;
    save();
  }, everyMs).unref();
}
