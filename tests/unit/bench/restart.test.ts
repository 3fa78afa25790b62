import type { Profiler } from "node:inspector";
import { expect, test } from "vitest";
import { withResults } from "../../bench/result/page.ts";
import { addPackages } from "../../bench/result/profile.ts";
import type { Figure, Result } from "../../bench/result/result.ts";

const page = `# Performance
<!-- The benchmark writes this part. -->
the old goals
<!-- End of the part of the benchmark. -->
<!-- The benchmark of restarts writes this part. -->
the old restart
<!-- End of the part about restarts. -->
the end`;

const environment = {
  ...{ date: "2026-12-01T00:00:00.000Z", commit: "abc", before: "none", node: "v24", baileys: "7", cpu: "CPU" },
  ...{ cores: 2, memoryGiB: 8, system: "linux", loadAverage: 0.5 },
};

const resultOf = (...figures: Figure[]): Result => ({
  environment,
  options: { instances: [1, 1000] } as Result["options"],
  ...{ rounds: [], holdings: [], figures, repeatedWebhooks: 0, problems: [] },
});

test("a run of restarts writes its own part of the page and leaves the others alone", () => {
  const restart = (value: number): Figure => ({ name: "CPU", unit: "s", value, bare: 10, section: "restart" });
  const text = withResults(page, [resultOf(restart(30)), resultOf(restart(20))]);
  expect(text).toContain("| CPU | s | 10.0 (10.0–10.0) | 20.0 (20.0–30.0) | 2.00 (2.00–3.00) |");
  expect(text).toContain("`npm run bench -- --part restart --instances 1000 --runs 2 --document`");
  expect(text).toContain("the old goals");
  expect(text).not.toContain("the old restart");
  expect(text.endsWith("the end")).toBe(true);
});

test("a run without restarts leaves their part of the page alone", () => {
  const text = withResults(page, [resultOf({ name: "cold start of the API", unit: "ms", value: 150, bare: 100 })]);
  expect(text).toContain("| cold start of the API | ≤ 2 × bare |  | 1.50 | met |");
  expect(text).toContain("the old restart");
  expect(text).not.toContain("the old goals");
});

test("a profile counts native functions for the package that calls them, and neither idle time nor the profiler", () => {
  const root = "file:///home/user/switchboard";
  const functions: [functionName: string, url: string, children: number[]][] = [
    ["(root)", "", [2, 5, 6, 8, 9, 10]],
    ["handshake", `${root}/node_modules/@whiskeysockets/baileys/lib/socket.js`, [3]],
    ["sign", `${root}/node_modules/@whiskeysockets/baileys/node_modules/libsignal/src/curve.js`, [4]],
    ["ed25519", "", []],
    ["(idle)", "", []],
    ["connect", `${root}/session-host/session/session.ts`, [7]],
    ["write", "node:internal/stream_base_commons", []],
    ["(garbage collector)", "", []],
    ["(program)", "", []],
    ["post", "node:inspector", []],
  ];
  const nodes = functions.map(([functionName, url, children], index) => ({
    id: index + 1,
    callFrame: { functionName, url, scriptId: "", lineNumber: 0, columnNumber: 0 },
    children,
  }));
  const samples = [2, 3, 4, 5, 6, 7, 8, 9, 10];
  const profile: Profiler.Profile = { nodes, startTime: 0, endTime: 0, samples, timeDeltas: samples.map(() => 1e6) };
  const packages = new Map([["libsignal", 1]]);
  addPackages(profile, packages);
  expect(Object.fromEntries(packages)).toEqual({
    "@whiskeysockets/baileys": 1,
    libsignal: 3,
    "session-host/session": 1,
    "node:stream": 1,
    "garbage collection": 1,
    "Node.js": 1,
  });
});
