import type { WhatsApp } from "../../simulator/index.ts";
import type { SandboxFolder } from "./folder.ts";

/**
 * What would join the sandbox to a gateway that is in earnest. Its instances would be sent to the simulated WhatsApp,
 * which does not know them and would log them out.
 */
const ownOnly = [
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
  /** Whoever tries webhooks out has the receiver on this machine. */
  EGRESS_ALLOW: "127.0.0.0/8,::1/128",
  LOG_LEVEL: "error",
  /** People test here, and tests are fast. */
  RATE_LIMIT: "10000",
};

/** Variables that are set and that a sandbox does not heed. */
export const ignoredOf = (env: Record<string, string | undefined>): string[] => ownOnly.filter((name) => env[name]);

/** The user's environment as the sandbox takes it, before there is a WhatsApp. */
export function sandboxEnvironment(
  env: Record<string, string | undefined>,
  folder: SandboxFolder,
  once: boolean,
): Record<string, string | undefined> {
  const kept = Object.entries(env).filter(([name, value]) => value && !ownOnly.includes(name));
  return {
    ...defaults,
    // A run that ends by itself is in nobody's way.
    ...(once ? { PORT: "0" } : {}),
    ADMIN_PASSWORD: folder.password,
    OPEN_KEY_GENERATION: String(isLoopback(env.HOST || "127.0.0.1")),
    ...Object.fromEntries(kept),
    DATA_DIR: folder.gateway,
  };
}

/** A sandbox that other machines reach gives them no keys, unless its user asks for that. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

/** Where the simulated WhatsApp is, for a gateway. */
export function whatsappEnvironment(wa: WhatsApp): Record<string, string> {
  return {
    WHATSAPP_URL: wa.url,
    WHATSAPP_ROOT_KEY: wa.rootKey,
    ...(wa.mediaCaFile ? { WHATSAPP_MEDIA_CA: wa.mediaCaFile } : {}),
  };
}
