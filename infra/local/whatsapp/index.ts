export type { Device } from "./device.ts";
export type { InboxMessage } from "./phone/inbox.ts";
export type { Phone, PhoneOptions } from "./phone/phone.ts";
export type { SentMessage } from "./phone/sent.ts";
export { startWhatsApp, type WhatsApp, type WhatsAppOptions } from "./server.ts";
