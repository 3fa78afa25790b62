import type { Dialect } from "../../instance/instance.sql.ts";

/** A URL that downloads the file of a message until `urlExpiresAt`. */
export interface FileLink {
  url: string;
  urlExpiresAt: string;
}

/** The properties of an instance that determine the form of its webhook bodies. */
export interface BodyContext {
  dialect: Dialect;
  /** JID of the account itself, once it is known. */
  ownJid: string | null;
  notifyReceived: boolean;
  notifySent: boolean;
  notifyDelivery: boolean;
  notifyRead: boolean;
  /** Returns the decrypted QR code of an event. */
  openQr(sealed: string): string;
}
