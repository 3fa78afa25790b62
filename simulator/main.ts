import { wrapBufferKeys } from "../core/crypto/buffer-keys.ts";
import { startControl } from "./control/server.ts";
import { startWhatsApp } from "./server/whatsapp.ts";
import { readSettings, shellLines } from "./settings.ts";

// The state contains the keys of the phones.
process.umask(0o077);
wrapBufferKeys();
// libsignal prints sessions, including private keys, with these methods.
console.info = console.warn = () => undefined;
try {
  const { whatsapp, controlPort } = readSettings(process.env);
  const wa = await startWhatsApp(whatsapp);
  const control = await startControl(wa, controlPort);
  const { url: WHATSAPP_URL, rootKey: WHATSAPP_ROOT_KEY, mediaCaFile = "", mediaHost: WHATSAPP_MEDIA_HOST } = wa;
  const addresses = { WHATSAPP_URL, WHATSAPP_ROOT_KEY, WHATSAPP_MEDIA_CA: mediaCaFile, WHATSAPP_MEDIA_HOST };
  console.log(shellLines({ ...addresses, WHATSAPP_CONTROL_URL: control.url }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void control.stop().then(() => wa.stop()));
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
