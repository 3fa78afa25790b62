import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Columns of the terminal. Longer lines are cut. */
const columns = 104;
const charWidth = 8.4;
const lineHeight = 20;
const margin = 20;

/** What a terminal sends for Ctrl-C. */
const ctrlC = "\u0003";

interface Recording {
  args?: string[];
  env?: NodeJS.ProcessEnv;
  /** Where the program runs. Default: a new folder. */
  cwd?: string;
  /** The text after which the program is stopped. Without `last`, the program ends by itself. */
  last?: string;
  /** Whether the program runs in a terminal (`script` of util-linux) instead of writing to a pipe. */
  terminal?: boolean;
  /** Selects the lines to show. Default: all. */
  shows?: (line: string) => boolean;
}

/** Runs a program and returns what it prints. Throws when it fails, or when it prints a path of this machine. */
async function record(
  file: string,
  { args = [], env, cwd, last, terminal, shows = () => true }: Recording,
): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "switchboard-recording-"));
  try {
    const command = [process.execPath, resolve(file), ...args];
    const inTerminal = ["script", "-qfec", command.map((part) => `'${part}'`).join(" "), "/dev/null"];
    const [name = "", ...rest] = terminal ? inTerminal : command;
    const program = spawn(name, rest, {
      cwd: cwd ?? folder,
      env: { PATH: process.env.PATH, NO_COLOR: "1", ...env },
      stdio: ["pipe", "pipe", "inherit"],
    });
    let printed = "";
    program.stdout.setEncoding("utf8").on("data", (text: string) => {
      printed += text.replaceAll("\r\n", "\n");
      if (last === undefined || !printed.includes(last)) return;
      if (terminal) program.stdin.end(ctrlC);
      else program.kill("SIGINT");
    });
    const code = await new Promise((ended) => program.once("close", ended));
    if (last === undefined ? code !== 0 : !printed.includes(last)) throw new Error(`${file} has failed: ${printed}`);
    const end = last === undefined ? printed.length : printed.indexOf("\n", printed.indexOf(last));
    const shown = printed.slice(0, end).trim().split("\n").filter(shows).join("\n");
    const path = [folder, process.cwd(), homedir()].find((one) => one !== "/" && shown.includes(one));
    if (path) throw new Error(`the recording contains the path ${path}`);
    return hidden(shown).split("\n");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Returns the text with dots in place of API keys and passwords. */
function hidden(printed: string): string {
  const secrets = [...printed.matchAll(/(?:Password|API key)\s+(\S+)$|API key: \S+, (\S+)$/gm)].map(
    ([, plain, listed]) => plain ?? listed ?? "",
  );
  return secrets.reduce((text, secret) => text.replaceAll(secret, "•".repeat(secret.length)), printed);
}

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const cut = (line: string) => (line.length > columns ? `${line.slice(0, columns - 1)}…` : line);

function drawn(line: string, index: number): string {
  const y = margin + 34 + index * lineHeight;
  const color = line.startsWith("$") ? "#8ab4f8" : "#e8eaed";
  const text = escaped(cut(line)).replace("✓", '<tspan fill="#81c995">✓</tspan>');
  return `  <text x="${margin}" y="${y}" fill="${color}" xml:space="preserve">${text}</text>`;
}

/** Returns an SVG picture of a terminal with these lines. */
function terminalSvg(title: string, lines: readonly string[]): string {
  const width = Math.ceil(columns * charWidth + 2 * margin);
  const height = margin * 2 + 30 + lines.length * lineHeight;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">`,
    `  <title>${title}</title>`,
    `  <rect width="${width}" height="${height}" rx="8" fill="#202124"/>`,
    ...["#f28b82", "#fdd663", "#81c995"].map(
      (color, index) => `  <circle cx="${margin + 6 + index * 20}" cy="${margin}" r="6" fill="${color}"/>`,
    ),
    ...lines.map(drawn),
    "</svg>",
    "",
  ].join("\n");
}

const sandbox = await record("local/sandbox.ts", { args: ["--once"] });
writeFileSync(
  "docs/start/sandbox.svg",
  terminalSvg("npm run sandbox links an instance, sends a text, and receives the answer by webhook", [
    "$ npm run sandbox -- --once",
    ...sandbox,
  ]),
);
// With a pinned version and without instances, nothing is sent to WhatsApp.
const start = await record("local/start.ts", {
  env: { LOG_LEVEL: "warn", WHATSAPP_VERSION: "2.3000.1043857760" },
  last: "Linked instances stay linked",
  // To a pipe, the program does not print the credentials.
  terminal: true,
});
writeFileSync(
  "docs/start/start.svg",
  terminalSvg("npm start prints the address of the API and the first admin's credentials", [
    "$ LOG_LEVEL=warn npm start",
    "",
    ...start.map((line, index) => (index === 0 ? `  ${line}` : line)),
  ]),
);
const tests = await record("node_modules/vitest/vitest.mjs", {
  args: ["run"],
  cwd: process.cwd(),
  shows: (line) => /^ *(?:Test Files|Tests|Duration) /.test(line),
});
writeFileSync(
  "docs/start/test.svg",
  terminalSvg("npm test ends with the number of tests that passed", ["$ npm test", "…", ...tests]),
);
