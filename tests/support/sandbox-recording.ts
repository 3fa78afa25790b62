import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";

/** Columns of the terminal; longer lines are cut. */
const columns = 104;
const charWidth = 8.4;
const lineHeight = 20;
const margin = 20;

/** What `npm run sandbox -- --once` prints in a new folder. Throws when it fails. */
function record(): string[] {
  const folder = mkdtempSync(join(tmpdir(), "switchboard-recording-"));
  try {
    const run = spawnSync("npm", ["run", "--silent", "sandbox", "--", "--once"], {
      env: { ...process.env, DATA_DIR: folder, NO_COLOR: "1" },
      encoding: "utf8",
    });
    if (run.status !== 0) throw new Error(`the sandbox has failed: ${run.stdout}${run.stderr}`);
    const secret = [folder, process.cwd(), homedir()].find((path) => path !== "/" && run.stdout.includes(path));
    if (secret) throw new Error(`the recording contains the path ${secret}`);
    return run.stdout.trimEnd().split("\n");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const cut = (line: string) => (line.length > columns ? `${line.slice(0, columns - 1)}…` : line);

function drawn(line: string, index: number): string {
  const y = margin + 34 + index * lineHeight;
  const color = line.startsWith("$") ? "#8ab4f8" : "#e8eaed";
  const text = escaped(cut(line)).replace("✓", '<tspan fill="#81c995">✓</tspan>');
  return `  <text x="${margin}" y="${y}" fill="${color}" xml:space="preserve">${text}</text>`;
}

/** A picture of a terminal with these lines. */
export function terminalSvg(lines: readonly string[]): string {
  const width = Math.ceil(columns * charWidth + 2 * margin);
  const height = margin * 2 + 30 + lines.length * lineHeight;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">`,
    "  <title>What npm run sandbox prints: an instance is linked, a text is sent, and the answer arrives by webhook</title>",
    `  <rect width="${width}" height="${height}" rx="8" fill="#202124"/>`,
    ...["#f28b82", "#fdd663", "#81c995"].map(
      (color, index) => `  <circle cx="${margin + 6 + index * 20}" cy="${margin}" r="6" fill="${color}"/>`,
    ),
    ...lines.map(drawn),
    "</svg>",
    "",
  ].join("\n");
}

if (import.meta.main) {
  writeFileSync("docs/start/sandbox.svg", terminalSvg(["$ npm run sandbox -- --once", ...record()]));
}
