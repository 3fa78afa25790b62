import { join, resolve } from "node:path";
import { z } from "zod";
import { isRelaxable, type RelaxableRule, rules } from "./rule/index.ts";
import type { WhatsAppOptions } from "./server/whatsapp.ts";

const port = (preset: number) => z.coerce.number().int().min(0).max(65_535).default(preset);

const Settings = z.object({
  WHATSAPP_DIRECTORY: z.string().min(1).default(".local/whatsapp"),
  WHATSAPP_PORT: port(4100),
  WHATSAPP_CONTROL_PORT: port(4101),
  WHATSAPP_MEDIA_PORT: port(4102),
  WHATSAPP_LATENCY: z
    .string()
    .regex(/^\d{1,6}-\d{1,6}$/, "must be two numbers of milliseconds, such as 20-150")
    .transform((text) => text.split("-").map(Number))
    .transform(([minMs = 0, maxMs = 0]) => ({ minMs, maxMs: Math.max(minMs, maxMs), seed: 1 }))
    .optional(),
  WHATSAPP_RELAX: z
    .string()
    .transform((text) => text.split(",").filter(Boolean))
    .pipe(z.array(z.custom<RelaxableRule>((name) => isRelaxable(String(name)), { error: relaxableNames })))
    .default([]),
});

function relaxableNames(): string {
  const names = rules.filter(({ relaxable }) => relaxable).map(({ name }) => name);
  return `must be names of rules, separated by commas: ${names.join(", ")}`;
}

/**
 * Reads the settings of `npm run whatsapp` from the environment. An empty variable counts as not set. Throws an error with
 * the name of a variable that has an invalid value.
 */
export function readSettings(env: NodeJS.ProcessEnv): { whatsapp: WhatsAppOptions; controlPort: number } {
  const given = Object.entries(env).filter(([, value]) => value !== "");
  const { data, error } = Settings.safeParse(Object.fromEntries(given));
  if (error) throw new Error(error.issues.map(({ path, message }) => `${path[0]?.toString()} ${message}`).join("\n"));
  const directory = resolve(data.WHATSAPP_DIRECTORY);
  const whatsapp = {
    ...{ port: data.WHATSAPP_PORT, mediaPort: data.WHATSAPP_MEDIA_PORT, directory },
    ...{ stateFile: join(directory, "state"), relax: data.WHATSAPP_RELAX },
    ...(data.WHATSAPP_LATENCY && { latency: data.WHATSAPP_LATENCY }),
  };
  return { whatsapp, controlPort: data.WHATSAPP_CONTROL_PORT };
}

/** Returns lines that a shell can read with `.`: a value with special characters is quoted. */
export function shellLines(values: Record<string, string>): string {
  const quoted = (value: string) => (/^[\w@%+=:,./-]*$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`);
  return Object.entries(values)
    .map(([name, value]) => `${name}=${quoted(value)}`)
    .join("\n");
}
