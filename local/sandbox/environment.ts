import { defined } from "../../core/object.ts";
import type { WhatsApp } from "../../simulator/index.ts";
import type { SandboxFolder } from "./folder.ts";

/**
 * Settings that could connect the sandbox to a real gateway. The simulated WhatsApp does not know the instances of a real
 * gateway and would log them out.
 */
const ignoredNames = [
  "DATABASE_URL",
  "DATABASE_OWNER_URL",
  "SQS_ENDPOINT",
  "S3_ENDPOINT",
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "KMS_KEY_ID",
  "MASTER_KEY_FILE",
  "QUEUE_PREFIX",
  "BUCKET",
];

const defaults = {
  ADMIN_EMAIL: "admin@switchboard.local",
  /** Webhook receivers run on this machine. */
  EGRESS_ALLOW: "127.0.0.0/8,::1/128",
  LOG_LEVEL: "error",
  /** Tests send many requests. */
  RATE_LIMIT: "10000",
};

/** Returns the names of the variables in `env` that the sandbox ignores. */
export const ignoredIn = (env: Record<string, string | undefined>): string[] =>
  ignoredNames.filter((name) => env[name]);

/** Returns the environment of the sandbox's gateway. `whatsappEnvironment` adds the address of the simulated WhatsApp. */
export function sandboxEnvironment(
  env: Record<string, string | undefined>,
  folder: SandboxFolder,
  once: boolean,
): Record<string, string | undefined> {
  const passedOn = Object.entries(env).filter(([name, value]) => value && !ignoredNames.includes(name));
  const reachableOnlyHere = isLoopback(env.HOST || "127.0.0.1");
  return {
    ...defaults,
    // By default, a run with `--once` uses any free port.
    ...defined({ PORT: once ? "0" : undefined }),
    ADMIN_PASSWORD: folder.password,
    OPEN_KEY_GENERATION: String(reachableOnlyHere),
    ...defined({ HEALTH_DETAILS: reachableOnlyHere ? "public" : undefined }),
    ...Object.fromEntries(passedOn),
    DATA_DIR: folder.gateway,
  };
}

/** If other machines can reach the sandbox, it does not open anything to callers without credentials by default. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

/** Returns the settings that connect a gateway to the simulated WhatsApp. */
export function whatsappEnvironment(wa: WhatsApp): Record<string, string> {
  return {
    WHATSAPP_URL: wa.url,
    WHATSAPP_ROOT_KEY: wa.rootKey,
    ...defined({ WHATSAPP_MEDIA_CA: wa.mediaCaFile }),
  };
}
