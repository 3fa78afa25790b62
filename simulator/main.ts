import { join, resolve } from "node:path";
import { wrapBufferKeys } from "../core/crypto/buffer-keys.ts";
import { startControl } from "./control/server.ts";
import { startWhatsApp } from "./server/whatsapp.ts";

// The state contains the keys of the phones.
process.umask(0o077);
wrapBufferKeys();
// libsignal prints sessions, including private keys, with these methods.
console.info = () => undefined;
console.warn = () => undefined;

const { env } = process;
const directory = resolve(env.WHATSAPP_DIRECTORY ?? ".local/whatsapp");
const port = Number(env.WHATSAPP_PORT ?? 4100);
const mediaPort = Number(env.WHATSAPP_MEDIA_PORT ?? 4102);
const wa = await startWhatsApp({ port, mediaPort, directory, stateFile: join(directory, "state") });
const control = await startControl(wa, Number(env.WHATSAPP_CONTROL_PORT ?? 4101));
console.log(`WHATSAPP_URL=${wa.url}`);
console.log(`WHATSAPP_ROOT_KEY=${wa.rootKey}`);
console.log(`WHATSAPP_MEDIA_CA=${wa.mediaCaFile}`);
console.log(`WHATSAPP_MEDIA_HOST=${wa.mediaHost}`);
console.log(`WHATSAPP_CONTROL_URL=${control.url}`);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => control.stop().then(() => wa.stop()));
}
