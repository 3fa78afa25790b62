import { writeFileSync } from "node:fs";
import * as z from "zod";
import { settings } from "../../../core/config.ts";

interface Setting {
  name: string;
  description: string;
  /** What applies while the variable isn't set, as Markdown. */
  unset: string;
  /** The default as text, or an empty string if the setting has no default that a line of `.env` can hold. */
  value: string;
}

function defaultOf(schema: z.core.$ZodType): string {
  if (!(schema instanceof z.ZodDefault)) return "";
  const value: unknown = schema.def.defaultValue;
  return typeof value === "object" ? "" : String(value);
}

function settingOf(name: string, schema: z.core.$ZodType): Setting {
  const { description, unset } = z.globalRegistry.get(schema) ?? {};
  if (description === undefined) throw new Error(`${name} has no description in core/config.ts`);
  const value = defaultOf(schema);
  if (typeof unset !== "string" && value === "") throw new Error(`${name} doesn't say what holds while it isn't set`);
  return { name, description, unset: typeof unset === "string" ? unset : `\`${value}\``, value };
}

const sections = Object.entries(settings).map(([title, shape]) => ({
  title,
  settings: Object.entries(shape).map(([name, schema]) => settingOf(name, schema)),
}));

const plain = (markdown: string) => markdown.replaceAll("`", "");

function wrapped(text: string, width = 118): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line !== "" && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.map((line) => `# ${line}`);
}

/** Returns the text of `.env.example`, with every setting commented out. */
export function envExample(): string {
  return [
    "# All settings of Switchboard. Written by `npm run docs` from core/config.ts; don't edit it.",
    "#",
    "# Every setting is optional. Copy the lines that you need to a file of mode 0600. Use it as the EnvironmentFile of",
    "# systemd, or read it in a shell: set -a; . ./.env; set +a; npm start",
    ...sections.flatMap(({ title, settings }) => [
      "",
      `# --- ${title} ---`,
      ...settings.flatMap(({ name, description, unset, value }) => [
        "",
        ...wrapped(plain(description)),
        ...wrapped(`Default: ${plain(unset)}`),
        `#${name}=${value}`,
      ]),
    ]),
    "",
  ].join("\n");
}

/** Returns the text of `docs/reference/environment.md`. */
export function environmentPage(): string {
  return [
    "# Settings",
    "",
    "After reading this page, you can configure the gateway by its environment variables.",
    "",
    "This page is written by `npm run docs` from `core/config.ts`; don't edit it. [.env.example](../../.env.example) has the same",
    "settings, ready to copy.",
    "",
    "Every setting is optional. The gateway refuses to start with a value that it can't use, and names the variable. An empty",
    "variable counts as not set. The sandbox ignores settings that would connect it to a real database, queue or key.",
    "",
    ...sections.flatMap(({ title, settings }) => [
      `## ${title}`,
      "",
      "| variable | default | meaning |",
      "| --- | --- | --- |",
      ...settings.map(({ name, description, unset }) => `| \`${name}\` | ${unset} | ${description} |`),
      "",
    ]),
    "## Variables of Node.js",
    "",
    "| variable | default | meaning |",
    "| --- | --- | --- |",
    "| `NODE_EXTRA_CA_CERTS` | the public authorities only | File with the certificates (PEM) of further authorities that the gateway trusts, for webhooks, files, Postgres, SQS and S3. [TLS](../operations/self-hosting.md#tls) explains which connections are checked. |",
    "| `NODE_ENV` | log lines for people on a terminal | With `production`, log lines are JSON even on a terminal. |",
    "",
    "## The simulated WhatsApp alone",
    "",
    "[The simulated WhatsApp as a program](../guides/simulator.md#start-it) lists the variables that `npm run whatsapp` reads.",
    "",
  ].join("\n");
}

if (import.meta.main) {
  writeFileSync(".env.example", envExample());
  writeFileSync("docs/reference/environment.md", environmentPage());
}
