import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { WebSocketServer } from "ws";
import type { Device, SocketView } from "../model/device.ts";
import { type Clock, World } from "../model/world.ts";
import { beginWithLabels } from "../phone/owner/labels.ts";
import { Phone, type PhoneOptions } from "../phone/phone.ts";
import { issueCertificates } from "../wire/certificate.ts";
import { Connection } from "./connection.ts";
import { MediaHost } from "./media-host.ts";
import { readState, restore, writeState } from "./state.ts";

export type WhatsAppOptions = {
  /** Port of the WebSocket; 0 picks one. */
  port?: number;
  mediaPort?: number;
  /** Milliseconds since the epoch; the system's clock by default. */
  clock?: Clock;
  /** Where `media-ca.pem` is written; nowhere by default. */
  directory?: string;
  maxMediaBytes?: number;
  /**
   * Where accounts, devices, keys, Signal sessions and kept stanzas outlive the process: read at the start, written
   * on a clean stop and every few seconds in which something happened.
   */
  stateFile?: string;
  saveEveryMs?: number;
};

/** WhatsApp takes 2 GB; here files are held in memory. */
const DEFAULT_MEDIA_BYTES = 256 * 1024 * 1024;
const DEFAULT_SAVE_MS = 15_000;

/** A running simulated WhatsApp. */
export type WhatsApp = {
  /** For `waWebSocketUrl`. */
  readonly url: string;
  /** For `WA_CERT_DETAILS.PUBLIC_KEY`: 32 bytes in hex. */
  readonly rootKey: string;
  /** The CA of the media host, PEM. */
  readonly mediaCa: string;
  readonly mediaCaFile: string | undefined;
  /** `host:port` of the media host. */
  readonly mediaHost: string;
  readonly world: World;
  readonly media: MediaHost;
  /** Stanzas that the simulator did not know. Tests should expect this to be empty. */
  readonly unknown: World["unknown"];
  addPhone(options: PhoneOptions): Promise<Phone>;
  phone(number: string): Phone | undefined;
  readonly phones: Phone[];
  /** All linked devices. */
  readonly devices: Device[];
  /** A linked device; the account's only one when no id is given. @throws when there is none. */
  device(number: string, id?: number): Device;
  /** How many sockets each set of credentials has had open, by phone-number JID of the device. */
  readonly sockets: Record<string, SocketView>;
  stop(): Promise<void>;
};

export async function startWhatsApp(options: WhatsAppOptions = {}): Promise<WhatsApp> {
  const clock = options.clock ?? Date.now;
  if (options.directory) mkdirSync(options.directory, { recursive: true });
  const saved = options.stateFile ? readState(options.stateFile) : undefined;
  const savedMedia = saved && { tls: saved.tls, auth: saved.mediaAuth, files: saved.files };
  const media = new MediaHost(clock(), options.maxMediaBytes ?? DEFAULT_MEDIA_BYTES, savedMedia);
  await media.listen(options.mediaPort ?? 0);
  const certificates = saved?.certificates ?? issueCertificates(Math.floor(clock() / 1000));
  const world = new World({ clock, certificates, media });
  const http = createServer((request, response) => world.versions.serve(request, response));
  const sockets = new WebSocketServer({ server: http, perMessageDeflate: false, maxPayload: 16 * 1024 * 1024 });
  sockets.on("connection", (socket) => new Connection(world, socket));
  await new Promise<void>((resolve, reject) => {
    http.once("error", reject);
    http.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const mediaCaFile = options.directory ? join(options.directory, "media-ca.pem") : undefined;
  if (mediaCaFile) writeFileSync(mediaCaFile, media.tls.ca);
  const phones = new Map<string, Phone>();
  for (const phone of saved ? restore(saved, world) : []) phones.set(phone.number, phone);
  const save = () => options.stateFile && writeState(options.stateFile, world, phones.values());
  const saving = options.stateFile ? saveWhenChanged(world, save, options.saveEveryMs ?? DEFAULT_SAVE_MS) : undefined;
  const devices = () => [...world.accounts.values()].flatMap((account) => [...account.companions.values()]);
  let lids = phones.size;
  return {
    url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/ws/chat`,
    rootKey: certificates.root.public.toString("hex"),
    mediaCa: media.tls.ca,
    mediaCaFile,
    mediaHost: media.hostname,
    world,
    media,
    unknown: world.unknown,
    async addPhone(phoneOptions) {
      if (!/^\d{5,15}$/.test(phoneOptions.number)) throw new Error(`not a phone number: ${phoneOptions.number}`);
      const lid = phoneOptions.lid ?? `9${String(++lids).padStart(13, "0")}${phoneOptions.number.slice(-1)}`;
      const phone = new Phone(world, phoneOptions, lid);
      world.add(phone.account);
      if (phone.account.business) beginWithLabels(phone);
      phones.set(phone.number, phone);
      return phone;
    },
    phone: (number) => phones.get(number),
    get phones() {
      return [...phones.values()];
    },
    get devices() {
      return devices();
    },
    device(number, id) {
      const companions = world.accounts.get(number)?.companions;
      const found = id === undefined ? companions?.values().next().value : companions?.get(id);
      if (!found) throw new Error(`${number} has no linked device ${id ?? ""}`);
      return found;
    },
    get sockets() {
      return Object.fromEntries(devices().map((device) => [device.pnJid, device.sockets]));
    },
    async stop() {
      clearInterval(saving);
      for (const connection of world.connections) connection.cut();
      await new Promise<void>((resolve) => sockets.close(() => resolve()));
      http.closeAllConnections();
      await new Promise<void>((resolve) => http.close(() => resolve()));
      await media.close();
      save();
    },
  };
}

function saveWhenChanged(world: World, save: () => void, everyMs: number): NodeJS.Timeout {
  let seen = "";
  return setInterval(() => {
    const now = JSON.stringify([
      world.counts,
      world.media.counts,
      world.accounts.size,
      world.groups.size,
      world.channels.size,
    ]);
    if (now === seen) return;
    seen = now;
    save();
  }, everyMs).unref();
}
