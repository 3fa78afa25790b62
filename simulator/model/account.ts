import type { Picture } from "../stanza/account/picture.ts";
import { formatJid, LID_SERVER, PN_SERVER } from "../wire/jid.ts";
import type { AppState } from "./app-state.ts";
import type { Device, Endpoint, PrimaryEndpoint } from "./device.ts";

export type Business = { name: string };

/** A WhatsApp account: a phone number and the LID that stands for it, and its devices. */
export class Account {
  /** Digits only, with the country code. */
  readonly number: string;
  /** The user part of its LID. */
  readonly lid: string;
  /** The account's public identity key, which signs its companions (raw 32 bytes). */
  readonly identityKey: Buffer;
  pushName: string;
  about = "";
  picture: Picture | undefined;
  /** Whether the phone shows the account online. */
  phoneOnline = false;
  /** Seconds since the epoch; undefined while it was never seen. */
  lastSeen: number | undefined;
  /** Devices that asked for its presence, and how they named it. Lost when they disconnect. */
  readonly subscribers = new Map<Device, string>();
  business: Business | undefined;
  phone: PrimaryEndpoint | undefined;
  readonly companions = new Map<number, Device>();
  readonly privacy = new Map<string, string>();
  readonly blocked = new Set<string>();
  readonly appState: AppState = new Map();
  /** Devices of others that asked for this account's device list and cache it. */
  readonly watchers = new Set<Device>();
  /** Device ids are never used twice, as on WhatsApp. */
  nextDeviceId = 1;

  constructor(number: string, lid: string, identityKey: Buffer, pushName: string) {
    this.number = number;
    this.lid = lid;
    this.identityKey = identityKey;
    this.pushName = pushName;
  }

  /** Others see the account online while any of its devices is. */
  get available(): boolean {
    return this.phoneOnline || this.companionOnline;
  }

  /** While a linked device is online, WhatsApp sends no push notifications to the phone. */
  get companionOnline(): boolean {
    return [...this.companions.values()].some(({ online }) => online);
  }

  get pnJid(): string {
    return formatJid(this.number, PN_SERVER);
  }

  get lidJid(): string {
    return formatJid(this.lid, LID_SERVER);
  }

  jid(server: string): string {
    return server === LID_SERVER ? this.lidJid : this.pnJid;
  }

  /** Whether somebody may see a part of the profile, as `status` or `profile` (the picture). */
  shows(setting: "status" | "profile", viewer: Account): boolean {
    return viewer === this || (this.privacy.get(setting) !== "none" && !this.blocked.has(viewer.lid));
  }

  endpoint(device: number): Endpoint | undefined {
    return device === 0 ? this.phone : this.companions.get(device);
  }

  *endpoints(): IterableIterator<Endpoint> {
    if (this.phone) yield this.phone;
    yield* this.companions.values();
  }
}
