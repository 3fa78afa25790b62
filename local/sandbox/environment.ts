import { defined } from "../../core/object.ts";
import type { WhatsApp } from "../../simulator/index.ts";
import type { SandboxFolder } from "./folder.ts";

/**
 * Settings that could connect the sandbox to a real gateway. The simulated WhatsApp does not know the instances of a real
 * gateway and would log them out.
 */
const ignored = [
  "DATABASE_URL",
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

/** Returns the variables in `env` that the sandbox ignores. */
export const ignoredOf = (env: Record<string, string | undefined>): string[] => ignored.filter((name) => env[name]);

/** Returns the environment of the sandbox's gateway, without the address of the simulated WhatsApp. */
export function sandboxEnvironment(
  env: Record<string, string | undefined>,
  folder: SandboxFolder,
  once: boolean,
): Record<string, string | undefined> {
  const kept = Object.entries(env).filter(([name, value]) => value && !ignored.includes(name));
  return {
    ...defaults,
    // A short run uses any free port.
    ...defined({ PORT: once ? "0" : undefined }),
    ADMIN_PASSWORD: folder.password,
    OPEN_KEY_GENERATION: String(isLoopback(env.HOST || "127.0.0.1")),
    ...Object.fromEntries(kept),
    DATA_DIR: folder.gateway,
  };
}

/** A sandbox that other machines can reach creates no keys without credentials by default. */
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
