export type { Device } from "./model/account.ts";
export type { LatencyRange } from "./model/limit/latency.ts";
export type { InboxMessage } from "./phone/mailbox/inbox.ts";
export type { SentMessage } from "./phone/mailbox/sent.ts";
export type { Phone, PhoneOptions } from "./phone/phone.ts";
export { startWhatsApp, type WhatsApp, type WhatsAppOptions } from "./server/whatsapp.ts";
