import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";

const log = new URL("../../../core/log.ts", import.meta.url).href;

/** Runs code with a logger, `log`, and returns what it wrote. */
function written(code: string): Record<string, unknown>[] {
  const script = `import { createLogger } from ${JSON.stringify(log)}; const log = createLogger("test", "info"); ${code}`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  expect(stderr).toBe("");
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

describe("the log", () => {
  it("contains no value of a property that is named like a secret, at any depth", () => {
    const [top, nested, list, inherited] = written(`
      log.info({ password: "s3cret", "x-api-key": "s3cret", id: 1 });
      log.info({ a: { b: { c: { d: { token: "s3cret", kept: [1, null] } } } } });
      log.info({ users: [{ name: "Ann", apiKey: { key: "s3cret" } }], at: new Date(0) });
      log.child({ part: "x", authorization: "s3cret" }).child({}, { redact: ["node"] }).info({ node: 1, creds: "s3cret" });`);
    expect(top).toMatchObject({ password: "[redacted]", "x-api-key": "[redacted]", id: 1 });
    expect(nested).toMatchObject({ a: { b: { c: { d: { token: "[redacted]", kept: [1, null] } } } } });
    expect(list).toMatchObject({ users: [{ name: "Ann", apiKey: "[redacted]" }], at: "1970-01-01T00:00:00.000Z" });
    expect(inherited).toMatchObject({
      part: "x",
      authorization: "[redacted]",
      creds: "[redacted]",
      node: "[Redacted]",
    });
  });

  it("does not change the logged object", () => {
    const [, after] = written(
      `const user = { secret: "s3cret", id: 1 }; log.info(user); log.info({ is: user.secret === "s3cret" });`,
    );
    expect(after).toMatchObject({ is: true });
  });

  it("contains an object that contains itself once, and one that appears twice twice", () => {
    const [line] = written(`
      const loop = { id: 1 }; loop.self = loop; const shared = { token: "s3cret" }; log.info({ loop, a: shared, b: [shared] });`);
    expect(line).toMatchObject({
      loop: { id: 1, self: "[circular]" },
      a: { token: "[redacted]" },
      b: [{ token: "[redacted]" }],
    });
  });

  it("describes an error without its unknown properties", () => {
    const [line] = written(
      `log.info({ err: Object.assign(new Error("no"), { body: "s3cret", code: "E1" }) }, "failed");`,
    );
    expect(line).toMatchObject({ msg: "failed", err: { type: "Error", message: "no", code: "E1" } });
    const [nested] = written(`log.info({ last: Object.assign(new Error("no"), { token: "s3cret" }) });`);
    expect(nested).toMatchObject({ last: { type: "Error", message: "no" } });
    expect(JSON.stringify([line, nested])).not.toContain("s3cret");
  });
});
