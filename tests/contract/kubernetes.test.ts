import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StatefulSet } from "kubernetes-types/apps/v1.d.ts";
import type { Container, Probe } from "kubernetes-types/core/v1.d.ts";
import { expect, onTestFinished, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { settings } from "../../core/config.ts";
import { read } from "../support/docs/markdown.ts";

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
}

const folder = "deploy/kubernetes";
const manifests = readdirSync(folder).flatMap((name) =>
  parseAllDocuments(read(`${folder}/${name}`), { merge: true }).map((document): Manifest => document.toJS()),
);
const ofKind = (kind: string) => manifests.filter((one) => one.kind === kind);
const sets = ofKind("StatefulSet") as unknown as StatefulSet[];

/**
 * Returns what TypeScript says about the manifests. The types come from the OpenAPI document of Kubernetes, and the
 * manifests are literals, so unknown fields are errors too.
 */
function typeErrors(list: readonly Manifest[]): string {
  mkdirSync("node_modules/.cache", { recursive: true });
  const temporary = mkdtempSync("node_modules/.cache/kubernetes-");
  onTestFinished(() => rmSync(temporary, { recursive: true, force: true }));
  const lines = list.map((one, index) => {
    // `v1` is the group of the core, which the package calls `core`.
    const [, group = "core", version] = /^(?:([^/.]+)[^/]*\/)?(\w+)$/.exec(one.apiVersion) ?? [];
    const type = `import("kubernetes-types/${group}/${version}").${one.kind}`;
    return `export const manifest${index}: ${type} = ${JSON.stringify(one)};`;
  });
  const file = join(temporary, "manifests.ts");
  writeFileSync(file, lines.join("\n"));
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--ignoreConfig", "--types", ""];
  const modules = ["--module", "esnext", "--moduleResolution", "bundler"];
  try {
    execFileSync("node_modules/.bin/tsc", [...options, ...modules, file], { encoding: "utf8" });
    return "";
  } catch (error) {
    return error instanceof Error && "stdout" in error ? String(error.stdout) : String(error);
  }
}

test("the Kubernetes manifests match the schema of Kubernetes, which rejects unknown and missing fields", () => {
  expect(manifests.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(["ConfigMap", "Service", "StatefulSet", "PodDisruptionBudget", "Ingress"]),
  );
  expect(typeErrors(manifests)).toBe("");
  const [first] = sets;
  const misspelled = JSON.parse(JSON.stringify(first).replace("readinessProbe", "readynessProbe"));
  expect(typeErrors([misspelled])).toContain("readynessProbe");
  const incomplete = JSON.parse(JSON.stringify(first).replace('"serviceName"', '"servedName"'));
  expect(typeErrors([incomplete])).toContain("servedName");
}, 60_000);

test("every pod runs without root and capabilities, on a read-only system, with limits and without a token", () => {
  expect(sets.map(({ metadata }) => metadata?.name)).toEqual(["switchboard", "switchboard-hosts"]);
  for (const { spec } of sets) {
    const pod = spec?.template.spec;
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
    });
    for (const container of [...(pod?.initContainers ?? []), ...(pod?.containers ?? [])])
      expect(container).toMatchObject({
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        },
        resources: { requests: { memory: expect.any(String) }, limits: { memory: expect.any(String) } },
      });
    // docker-compose.yml gives the gateway the same time.
    expect(pod?.terminationGracePeriodSeconds).toBe(60);
  }
});

test("every container has probes at ports that it names, and only the gateway has a volume, in one pod", () => {
  for (const { spec } of sets) {
    const [container] = spec?.template.spec?.containers ?? [];
    const ports = container?.ports?.map(({ name }) => name);
    const probes = [container?.readinessProbe, container?.livenessProbe];
    const portOf = (probe: Probe | undefined) => probe?.httpGet?.port ?? probe?.tcpSocket?.port;
    for (const probe of probes) expect(ports).toContain(portOf(probe));
  }
  const [gateway, hosts] = sets;
  expect(gateway?.spec).toMatchObject({ replicas: 1, volumeClaimTemplates: [{ metadata: { name: "data" } }] });
  expect(hosts?.spec?.volumeClaimTemplates).toBeUndefined();
});

test("the manifests set only settings that exist, and the page about Kubernetes creates every secret that they name", () => {
  const known = new Set(Object.values(settings).flatMap((shape) => Object.keys(shape)));
  const containers: Container[] = sets.flatMap(({ spec }) => spec?.template.spec?.containers ?? []);
  const names = containers.flatMap(({ env }) => env?.map(({ name }) => name) ?? []);
  const shared = (ofKind("ConfigMap") as unknown as { data: Record<string, string> }[]).flatMap(({ data }) =>
    Object.keys(data),
  );
  expect([...names, ...shared].filter((name) => !known.has(name))).toEqual([]);
  const page = read("docs/operations/kubernetes.md");
  const secrets = JSON.stringify(manifests).matchAll(/"secretRef":\{"name":"([^"]+)"|"secretName":"([^"]+)"/g);
  for (const [, one, other] of secrets) expect(page).toMatch(new RegExp(`secret (?:generic|tls) ${one ?? other}\\b`));
  for (const { image } of containers) expect(page).toContain(String(image));
});
