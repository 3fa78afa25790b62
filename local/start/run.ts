import { readConfig } from "../../core/config.ts";
import { createLogger } from "../../core/log.ts";
import { type Gateway, startGateway } from "../gateway/index.ts";
import { untilAborted } from "../terminal/program.ts";
import { assertPortUsable, hostMode } from "../terminal/settings.ts";
import { adminNote, credentialsFile } from "./credentials.ts";
import { showQrCodes } from "./qr.ts";

/** Runs the whole gateway on this machine until `signal` is aborted. Connects to WhatsApp, or to `WHATSAPP_URL`. */
export async function runLocalGateway(options: {
  env: Record<string, string | undefined>;
  signal: AbortSignal;
}): Promise<void> {
  const { env, signal } = options;
  const config = readConfig(env);
  const host = hostMode(env);
  await assertPortUsable(config, "npm start");
  await using undo = new AsyncDisposableStack();
  const gateway = await startGateway({ env, log: createLogger("gateway", config.LOG_LEVEL), host });
  undo.defer(() => gateway.stop());
  signal.throwIfAborted();
  process.stdout.write(greeting(gateway, await credentialsFile(gateway, process.stdout.isTTY)));
  const qrCodes = await showQrCodes(gateway.config, process.stdout);
  undo.defer(() => qrCodes.stop());
  await untilAborted(signal);
}

/**
 * Returns the text that `npm start` prints once the gateway runs. With `file`, the text names the file that has the
 * credentials of the admin instead of the credentials.
 */
export function greeting(
  { url, config, firstAdmin, stopped }: Pick<Gateway, "url" | "config" | "firstAdmin" | "stopped">,
  file?: string,
): string {
  const whatsapp = config.WHATSAPP_URL ?? "the real WhatsApp";
  return `
  REST API      ${url}   (OpenAPI: ${url}/openapi.json)
  WhatsApp      ${whatsapp}
  Data          ${config.DATA_DIR}   (back up the whole folder: its master.key decrypts the rest)
${stopped ? stoppedNote(url) : ""}${firstAdmin ? adminNote(firstAdmin, file) : ""}
  Create an instance. Its QR code appears here:
  curl -s ${url}/api/instances -H 'x-api-key: ${firstAdmin && !file ? firstAdmin.apiKey.key : "<your key>"}' \\
    -H 'content-type: application/json' -d '{"name":"My phone"}'

  Press Ctrl-C to stop. Linked instances stay linked.

`;
}

const stoppedNote = (url: string) => `
  The session hosts are STOPPED, because an admin called POST /api/observability/stop. No instance is connected, and sends
  wait. To start the hosts:
  curl -s -X POST ${url}/api/observability/restart -H 'x-api-key: <key of an admin>'
`;
