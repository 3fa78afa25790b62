import { readConfig } from "../../core/config.ts";
import { createLogger } from "../../core/log.ts";
import type { FirstAdmin } from "../../core/user/index.ts";
import { type Gateway, startGateway } from "../gateway/index.ts";
import { untilAborted } from "../terminal/program.ts";
import { hostMode, requirePort } from "../terminal/settings.ts";
import { showQrCodes } from "./qr.ts";

/** The whole gateway on this machine, against the real WhatsApp unless the environment names another. Throws what keeps it from starting. */
export async function runLocalGateway(options: {
  env: Record<string, string | undefined>;
  signal: AbortSignal;
}): Promise<void> {
  const { env, signal } = options;
  const config = readConfig(env);
  const host = hostMode(env);
  await requirePort(config, "npm start");
  await using undo = new AsyncDisposableStack();
  const gateway = await startGateway({ env, log: createLogger("gateway", config.LOG_LEVEL), host });
  undo.defer(() => gateway.stop());
  signal.throwIfAborted();
  process.stdout.write(greeting(gateway));
  const qrCodes = await showQrCodes(gateway.config, process.stdout);
  undo.defer(() => qrCodes.stop());
  await untilAborted(signal);
}

/** What is printed when everything runs. */
export function greeting({ url, config, firstAdmin, stopped }: Gateway): string {
  const whatsapp = config.WHATSAPP_URL ? config.WHATSAPP_URL : "the real one";
  return `
  REST API      ${url}   (described in ${url}/openapi.json)
  WhatsApp      ${whatsapp}
  Data          ${config.DATA_DIR}   (back it up as a whole: its master.key opens the rest)
${stopped ? stoppedNote(url) : ""}${firstAdmin ? credentials(firstAdmin) : ""}
  Make an instance; its QR code is shown here:
  curl -s ${url}/api/instances -H 'x-api-key: ${firstAdmin ? firstAdmin.apiKey.key : "<your key>"}' \\
    -H 'content-type: application/json' -d '{"name":"My phone"}'

  Ctrl-C stops it. Linked instances stay linked.

`;
}

const stoppedNote = (url: string) => `
  The session hosts are STOPPED, by POST /api/observability/stop: no instance is connected, and what is sent waits. To go on:
  curl -s -X POST ${url}/api/observability/restart -H 'x-api-key: <key of an admin>'
`;

function credentials({ user, apiKey, generatedPassword }: FirstAdmin): string {
  return `
  The first admin has been made. This is shown only once:
    E-mail      ${user.email}
    Password    ${generatedPassword ?? "as ADMIN_PASSWORD says"}
    API key     ${apiKey.key}
`;
}
