import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const run = promisify(execFile);

interface Step {
  instruction: string;
  text: string;
}

let folder: string;
const stages = new Map<string, Step[]>();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchboard-image-"));
  const lines = (await readFile("Dockerfile", "utf8")).replaceAll(/\\\n\s*/g, "").split("\n");
  let steps: Step[] = [];
  for (const line of lines.filter((one) => one.trim() !== "" && !one.startsWith("#"))) {
    const instruction = line.split(" ")[0] ?? "";
    const text = line.slice(line.indexOf(" ") + 1);
    const name = / AS (\S+)$/.exec(text)?.[1];
    if (instruction === "FROM") {
      steps = [];
      stages.set(name ?? "", steps);
    }
    steps.push({ instruction, text });
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const stage = (name: string) => stages.get(name) ?? [];
const last = (name: string, instruction: string) =>
  stage(name).findLast((step) => step.instruction === instruction)?.text ?? "";

test("the images run as an unprivileged user, with ffmpeg, tini, a health check and the tested Node.js", async () => {
  expect(JSON.parse(last("base", "ENTRYPOINT"))).toEqual(["tini", "--"]);
  expect(last("base", "RUN")).toMatch(/ffmpeg.*tini/);
  for (const image of ["host", "whole"]) {
    expect(stage(image)[0]?.text).toMatch(/^base /);
    expect(last(image, "USER")).toBe("node");
  }
  expect([...stages.keys()].at(-1)).toBe("host");
  expect(last("host", "HEALTHCHECK")).toContain("session-host/health.ts");
  // The same Node.js version as in the tests.
  const { devDependencies } = JSON.parse(await readFile("package.json", "utf8"));
  for (const name of ["base", "host-build", "whole-build"]) {
    expect(stage(name)[0]?.text).toContain(`node:${devDependencies.node}-`);
  }
});

/** Runs the COPY steps and `npm ci` of a stage in a folder, and returns the folder. */
async function build(name: string): Promise<string> {
  const app = join(folder, name);
  await mkdir(app);
  const production = stage(name).some(
    ({ instruction, text }) => instruction === "ENV" && text === "NODE_ENV=production",
  );
  for (const { instruction, text } of stage(name)) {
    if (instruction === "COPY") {
      const parts = text.split(" ");
      const to = parts.pop() ?? "";
      for (const from of parts) {
        await cp(from, to.endsWith("/") ? join(app, to, from) : join(app, to), { recursive: true });
      }
    }
    if (instruction === "RUN") {
      const command = text.split(" && ")[0] ?? "";
      expect(command).toMatch(/^npm ci/);
      const { NODE_ENV: _, ...env } = process.env;
      await run("sh", ["-c", command], { cwd: app, env: production ? { ...env, NODE_ENV: "production" } : env });
    }
  }
  return app;
}

test("the steps of the image build a host that loads and parses a file", async () => {
  const app = await build("host-build");
  const [command = "", ...args] = JSON.parse(last("host", "CMD")) as string[];
  const env = { PATH: process.env.PATH ?? "", NODE_ENV: "production" };
  // The host has loaded all modules when it finds that a setting is missing.
  await expect(run(command, args, { cwd: app, env })).rejects.toMatchObject({
    code: 1,
    stdout: expect.stringContaining("DATABASE_URL: must be set"),
  });
  // The worker that parses files is a program of its own, which starts when it gets the first file.
  const program = `const { parse } = await import("./session-host/media/parser.ts");
    const job = { name: "recognize", path: "package.json", claimed: "application/json" };
    console.log((await parse({ userId: "user", instanceId: "instance" }, job)).mimetype);`;
  const parsed = await run(command, ["--input-type=module", "-e", program], { cwd: app, env });
  expect(parsed.stdout).toBe("application/json\n");
}, 180_000);
