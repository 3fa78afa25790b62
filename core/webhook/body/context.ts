import type { Dialect } from "../../instance/instance.sql.ts";

/** A URL that downloads the file of a message until `urlExpiresAt`. */
export interface FileLink {
  url: string;
  urlExpiresAt: string;
}

/** Settings that turn off kinds of events. Only the first endpoint of an instance has such settings. */
export interface NotifySettings {
  notifyReceived: boolean;
  notifySent: boolean;
  notifyDelivery: boolean;
  notifyRead: boolean;
}

/** The properties of an instance that determine the form of its webhook bodies. */
export interface BodyContext extends NotifySettings {
  dialect: Dialect;
  /** JID of the account itself, once it is known. */
  ownJid: string | null;
  /** The pairs of the instance's user. Bodies have them if there are any. */
  metadata?: Readonly<Record<string, string>> | null | undefined;
  /** Returns the decrypted QR code of an event. */
  openQr(sealed: string): string;
}
