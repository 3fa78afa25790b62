import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConfig } from "../../../core/config.ts";
import { count, measure, prometheusName, prometheusText, takeEmf } from "../../../core/metric/index.ts";
import { instanceMetrics, instanceText } from "../../../core/metric/instances.ts";
import { type FleetGauge, type MetricName, metricCatalog } from "../../../core/metric/name.ts";
import { startStatusServer, statusUrl } from "../../../session-host/host/status-server.ts";
import { readPrometheus } from "../../support/prometheus.ts";

const names = Object.keys(metricCatalog) as MetricName[];
const gaugesOf = (of: "fleet" | "host") =>
  names.filter((name) => (metricCatalog[name] as { of?: string }).of === of) as FleetGauge[];
const fleet = Object.fromEntries(gaugesOf("fleet").map((name, index) => [name, index + 0.5])) as Record<
  FleetGauge,
  number
>;
const at = new Date("2026-01-02T03:04:05.678Z");
const root = fileURLToPath(new URL("../../../", import.meta.url));

test("the Prometheus text has every counter from the start and only the gauges that have a value", () => {
  expect(readPrometheus(prometheusText({})).size).toBe(
    names.filter((name) => metricCatalog[name].kind === "counter").length,
  );
  const taken = () => readPrometheus(prometheusText({})).get("switchboard_leases_taken_total") ?? Number.NaN;
  const before = taken();
  count("LeasesTaken");
  count("LeasesTaken", 2);
  expect(taken()).toBe(before + 3);
  const read = readPrometheus(prometheusText({ ...fleet, HostShards: 3, EventAge: 1e-7 }));
  expect(read.get("switchboard_host_shards")).toBe(3);
  expect(read.get("switchboard_event_age")).toBe(1e-7);
  expect(read.has("switchboard_host_instances")).toBe(false);
});

test("a CloudWatch line has only the metrics that changed since the last line, with their units", () => {
  // Discards what earlier tests in this process counted.
  takeEmf("stage", at);
  expect(takeEmf("stage", at)).toBeNull();
  count("CommandsDone");
  count("CommandsDone");
  count("CommandsFailed", 0);
  measure(fleet);
  const line = takeEmf("stage", at) ?? "";
  expect(line).not.toContain("\n");
  const sent = JSON.parse(line);
  const [directive, ...others] = sent._aws.CloudWatchMetrics;
  expect([sent._aws.Timestamp, others]).toEqual([at.getTime(), []]);
  expect(directive).toMatchObject({ Namespace: "Switchboard", Dimensions: [["Stage"]] });
  expect(directive.Metrics.length).toBeLessThanOrEqual(100);
  expect(directive.Metrics).toEqual(
    expect.arrayContaining([
      { Name: "CommandsDone", Unit: "Count" },
      { Name: "EventAge", Unit: "Seconds" },
    ]),
  );
  // The declared metrics are exactly the numbers in the line.
  const declared = directive.Metrics.map((metric: { Name: string }) => metric.Name);
  const { _aws, Stage, ...values } = sent;
  expect(Stage).toBe("stage");
  expect(Object.keys(values).sort()).toEqual([...declared].sort());
  expect(values).toEqual({ CommandsDone: 2, ...fleet });
  expect(takeEmf("stage", at)).toBeNull();
});

test("a function writes its metrics as one raw line at the end of each call, even if the call fails", async () => {
  const script = `
    import { withMetrics } from "./core/metric/emit.ts";
    import { count } from "./core/metric/index.ts";
    const handler = withMetrics(async (by) => { count("WebhooksFailed", by); if (by > 1) throw new Error("late"); return by; });
    process.stdout.write((await handler(1)) + "\\n");
    await handler(2).catch((error) => process.stdout.write(error.message + "\\n"));
    await handler(0);
  `;
  const run = (METRICS: string) =>
    promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
      cwd: root,
      env: { METRICS, QUEUE_PREFIX: "prod" },
    });
  const [emf, none] = await Promise.all([run("emf"), run("none")]);
  const [first, answer, second, failure, ...rest] = emf.stdout.split("\n");
  expect(JSON.parse(first ?? "")).toMatchObject({ Stage: "prod", WebhooksFailed: 1 });
  expect(JSON.parse(second ?? "")).toMatchObject({ Stage: "prod", WebhooksFailed: 2 });
  expect([answer, failure, rest]).toEqual(["1", "late", [""]]);
  expect(none.stdout).toBe("1\nlate\n");
});

let healthy = true;
let server: Awaited<ReturnType<typeof startStatusServer>>;
beforeAll(async () => {
  const parts = { metrics: async () => prometheusText({ HostShards: 1 }), healthy: () => healthy };
  server = await startStatusServer({ host: "127.0.0.1", port: 0 }, parts);
});
afterAll(() => server.stop());

test("the status server serves metrics and health and nothing else", async () => {
  const metrics = await fetch(`${server.url}/metrics?name=x`);
  expect([metrics.status, metrics.headers.get("content-type")]).toEqual([
    200,
    "text/plain; version=0.0.4; charset=utf-8",
  ]);
  expect(readPrometheus(await metrics.text()).get("switchboard_host_shards")).toBe(1);
  expect((await fetch(`${server.url}/`)).status).toBe(404);
  expect((await fetch(`${server.url}/health`, { method: "HEAD" })).status).toBe(200);
});

test("the status server refuses a page whose name resolves to this machine, also without browser headers", async () => {
  const get = (headers: Record<string, string>) =>
    new Promise<number | undefined>((resolve, reject) => {
      request(`${server.url}/metrics`, { headers }, (response) => resolve(response.resume().statusCode))
        .on("error", reject)
        .end();
    });
  expect(await get({ host: "evil.example", "sec-fetch-site": "same-origin" })).toBe(403);
  expect(await get({ "sec-fetch-site": "none" })).toBe(200);
  // Browsers send `Sec-Fetch-Site` only to HTTPS and to this machine's own names, and no `Origin` with a same-origin GET.
  expect(await get({ host: "evil.example" })).toBe(403);
  expect(await get({ host: `localhost:${new URL(server.url).port}` })).toBe(200);
});

test("the container's health check exits with 0 only while the host is healthy", async () => {
  const check = (env: Record<string, string>) =>
    promisify(execFile)(process.execPath, ["session-host/health.ts"], { cwd: root, env }).then(
      () => 0,
      (error: { code: number }) => error.code,
    );
  const METRICS_PORT = new URL(server.url).port;
  healthy = true;
  expect(await check({ METRICS_PORT, METRICS_HOST: "0.0.0.0" })).toBe(0);
  healthy = false;
  expect(await Promise.all([check({ METRICS_PORT }), check({ METRICS_PORT: "1" }), check({})])).toEqual([1, 1, 1]);
});

test.each([
  ["0.0.0.0", "http://127.0.0.1:9464"],
  ["::", "http://[::1]:9464"],
  ["10.0.0.7", "http://10.0.0.7:9464"],
])("the health check of a host that listens on %s asks %s", (host, url) => {
  expect(statusUrl({ host, port: 9464 })).toBe(url);
});

test("the observability page lists exactly the metrics of the catalog", () => {
  const page = readFileSync(`${root}docs/operations/observability.md`, "utf8");
  const table = page.slice(0, page.indexOf("## Metrics of single instances"));
  const rows = table.split("\n").filter((line) => line.startsWith("| `switchboard_"));
  expect(rows).toEqual(
    names.map((name) => {
      const metric = metricCatalog[name];
      const where = metric.kind === "counter" ? "each process counts" : `of the ${metric.of}`;
      return `| \`${prometheusName(name)}\` | ${metric.kind === "gauge" && metric.of === "host" ? "" : `\`${name}\``} | ${where} | ${metric.help} |`;
    }),
  );
});

describe("metrics of single instances", () => {
  const served = ["a", "b", "c"].map((id, index) => ({ id, connected: index > 0, commands: index }));
  const traffic = new Map([["b", { sent: 3, received: 4 }]]);

  test("have one label, and only the busiest instances have them", () => {
    const text = instanceText(served, traffic, 2);
    const read = readPrometheus(text);
    expect(read.size).toBe(2 * Object.keys(instanceMetrics).length);
    expect(read.get('switchboard_instance_messages_sent{instance="b"}')).toBe(3);
    expect(read.get('switchboard_instance_messages_received{instance="b"}')).toBe(4);
    expect(read.get('switchboard_instance_connected{instance="c"}')).toBe(1);
    expect(read.get('switchboard_instance_commands{instance="c"}')).toBe(2);
    expect(text).not.toContain('instance="a"');
  });

  test("are absent by default", () => {
    expect(instanceText(served, traffic, 0)).toBe("");
    expect(readConfig({}).METRICS_INSTANCES).toBe(0);
  });
});

test("the Grafana dashboard shows every metric, and no metric that doesn't exist", () => {
  const dashboard = JSON.parse(readFileSync(`${root}deploy/grafana/switchboard.json`, "utf8")) as {
    panels: { type: string; title: string; targets?: { expr: string }[] }[];
  };
  const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  const shown = new Set(expressions.flatMap((text) => text.match(/switchboard_\w+/g) ?? []));
  const emitted = [...names.map(prometheusName), ...Object.keys(instanceMetrics)];
  expect([...shown].sort()).toEqual(emitted.sort());
  // A counter starts at 0 with each process, so only its rate says something.
  const bare = expressions.filter((text) => /_total/.test(text) && !/(?:rate|increase)\(\w+_total\[\w+\]\)/.test(text));
  expect(bare).toEqual([]);
  expect(dashboard.panels.filter(({ type, targets }) => type !== "row" && !targets?.length)).toEqual([]);
});

test("the page about metrics lists every metric of single instances with its meaning", () => {
  const page = readFileSync(`${root}docs/operations/observability.md`, "utf8");
  for (const [name, help] of Object.entries(instanceMetrics)) expect(page).toContain(`| \`${name}\` | ${help} |`);
});
