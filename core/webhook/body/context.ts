import type { Dialect } from "../../instance/instance.sql.ts";

/** A link that downloads the file of a message, until then. */
export interface FileLink {
  url: string;
  urlExpiresAt: string;
}

/** What of an instance decides how its webhooks look. */
export interface BodyContext {
  dialect: Dialect;
  /** JID of the account itself, once known. */
  ownJid: string | null;
  notifyReceived: boolean;
  notifySent: boolean;
  notifyDelivery: boolean;
  notifyRead: boolean;
  /** The QR code that an event carries sealed. */
  openQr(sealed: string): string;
}
