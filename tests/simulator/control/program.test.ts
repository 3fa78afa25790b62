import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readSettings } from "../../../simulator/settings.ts";
import { read } from "../../support/docs/markdown.ts";
import { temporaryFolder } from "../../support/process/temporary-folder.ts";

const guide = "docs/guides/simulator.md";
const example = "docs/examples/simulated-whatsapp.mjs";
const freePorts = { WHATSAPP_PORT: "0", WHATSAPP_CONTROL_PORT: "0", WHATSAPP_MEDIA_PORT: "0" };

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let program: Awaited<ReturnType<typeof start>>;

/** Runs the program. Resolves with the lines that it prints, once it has printed all. Rejects with its error output. */
async function start(env: Record<string, string>) {
  const settings = { ...process.env, ...freePorts, ...env };
  const child = spawn(process.execPath, ["simulator/main.ts"], { env: settings, stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  child.stderr.on("data", (data: Buffer) => {
    errors += String(data);
  });
  const ended = once(child, "close");
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (line.startsWith("WHATSAPP_CONTROL_URL=")) break;
  }
  if (lines.length === 0) {
    await ended;
    throw new Error(errors);
  }
  const stop = async () => {
    child.kill("SIGTERM");
    return (await ended) as [number | null, string | null];
  };
  return { lines, stop };
}

/** Returns what the program printed, as a shell reads it. */
async function variables(lines: string[]): Promise<Record<string, string>> {
  const script = `${lines.join("\n")}\nprintf '%s\\n' ${lines.map((line) => `"$${line.split("=")[0]}"`).join(" ")}`;
  const { stdout } = await promisify(execFile)("sh", ["-c", script]);
  const values = stdout.split("\n");
  return Object.fromEntries(lines.map((line, index) => [line.split("=")[0] ?? "", values[index] ?? ""]));
}

beforeAll(async () => {
  folder = await temporaryFolder();
  program = await start({ WHATSAPP_DIRECTORY: join(folder.path, "Bob's phones"), WHATSAPP_LATENCY: "1-5" });
});

afterAll(async () => {
  expect(await program.stop()).toEqual([0, null]);
  await folder.remove();
});

test("the program listens only on the loopback interface and prints what a client needs", async () => {
  expect(program.lines.map((line) => line.split("=")[0])).toEqual([
    ...["WHATSAPP_URL", "WHATSAPP_ROOT_KEY", "WHATSAPP_MEDIA_CA", "WHATSAPP_MEDIA_HOST", "WHATSAPP_CONTROL_URL"],
  ]);
  const printed = await variables(program.lines);
  expect(printed.WHATSAPP_URL).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/ws\/chat$/);
  expect(printed.WHATSAPP_ROOT_KEY).toMatch(/^[0-9a-f]{64}$/);
  expect(read(printed.WHATSAPP_MEDIA_CA ?? "")).toContain("BEGIN CERTIFICATE");
  expect(printed.WHATSAPP_MEDIA_HOST).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(printed.WHATSAPP_CONTROL_URL).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
});

test("the guide's program links an unmodified Baileys, and its commands are valid", async () => {
  expect(read(guide)).toContain(`\`\`\`js\n${read(example)}\`\`\``);
  const printed = await variables(program.lines);
  const env = { ...process.env, ...printed, AUTH_FOLDER: join(folder.path, "auth") };
  const { stdout } = await promisify(execFile)(process.execPath, [example], { env, timeout: 50_000 });
  expect(read(guide)).toContain(`\`\`\`text\n${stdout}\`\`\``);

  const commands = [...read(guide).matchAll(/^call (?:-X (\w+) )?"?\$CONTROL([^\s"]*)"?(?: -d '(.*)')?$/gm)];
  expect(commands.length).toBeGreaterThan(15);
  const ask = async (method: string, path: string, body?: string) => {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${printed.WHATSAPP_CONTROL_URL}${path}`, { method, headers, body: body ?? null });
    return { status: response.status, text: await response.text() };
  };
  // The device that the commands unlink is needed by commands after it.
  const unlinking = commands.filter(([, method, path]) => method === "DELETE" && path?.includes("/devices/"));
  expect(unlinking).toHaveLength(1);
  for (const [command, method, path = "", body] of [
    ...commands.filter((one) => !unlinking.includes(one)),
    ...unlinking,
  ]) {
    const { status, text } = await ask(method ?? (body ? "POST" : "GET"), path, body);
    expect({ command, ok: status >= 200 && status < 300, text }).toMatchObject({ ok: true });
  }
  expect((await ask("GET", "/unknown")).text).toBe('{"unknown":[]}');
});

test("the program ends with an error that names the variable with an invalid value", async () => {
  await expect(start({ WHATSAPP_LATENCY: "20" })).rejects.toThrow("WHATSAPP_LATENCY must be two numbers");
});

test.each([
  [{ WHATSAPP_PORT: "many" }, "WHATSAPP_PORT "],
  [{ WHATSAPP_LATENCY: "150-" }, "WHATSAPP_LATENCY must be two numbers of milliseconds, such as 20-150"],
  [{ WHATSAPP_RELAX: "login_version,nonsense" }, "WHATSAPP_RELAX must be names of rules, separated by commas: "],
])("the settings %j are refused", (env, message) => {
  expect(() => readSettings(env)).toThrow(message);
});

test("the settings name ports, folder, latency and relaxed rules, and an empty variable counts as not set", () => {
  const { whatsapp, controlPort } = readSettings({
    ...{ WHATSAPP_PORT: "1", WHATSAPP_MEDIA_PORT: "", WHATSAPP_CONTROL_PORT: "3", WHATSAPP_DIRECTORY: "/phones" },
    ...{ WHATSAPP_LATENCY: "20-150", WHATSAPP_RELAX: "login_version,link_version" },
  });
  expect({ whatsapp, controlPort }).toEqual({
    controlPort: 3,
    whatsapp: {
      ...{ port: 1, mediaPort: 4102, directory: "/phones", stateFile: "/phones/state" },
      ...{ latency: { minMs: 20, maxMs: 150, seed: 1 }, relax: ["login_version", "link_version"] },
    },
  });
});
