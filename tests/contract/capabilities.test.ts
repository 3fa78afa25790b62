import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { capabilities } from "../support/capability/index.ts";
import { runningCases } from "../support/capability/running.ts";
import { capabilitiesPage, splitTest } from "../support/docs/capabilities.ts";
import { read } from "../support/docs/markdown.ts";
import { nameOf } from "../support/endpoint/case.ts";
import { gateway, multiInstance } from "../support/endpoint/dialect-tables.ts";

const all = Object.values(capabilities).flat();

test("docs/reference/capabilities.md equals the output of `npm run docs`", () => {
  expect(read("docs/reference/capabilities.md")).toBe(capabilitiesPage());
});

test("each endpoint that a capability names exists in its dialect, and runs a command that the capability names", () => {
  const endpoints = new Map([...gateway.endpoints, ...multiInstance.endpoints].map((one) => [nameOf(one), one]));
  const inDialect = (dialect: typeof gateway) => new Set(dialect.endpoints.map(nameOf));
  const wrong = all.flatMap((one) => {
    const missing = [
      ...one.gateway.filter((name) => !inDialect(gateway).has(name)),
      ...one.multiInstance.filter((name) => !inDialect(multiInstance).has(name)),
    ];
    const unnamed = [...one.gateway, ...one.multiInstance].filter((name) => {
      const command = endpoints.get(name)?.command;
      return command && !one.commands.includes(command);
    });
    return [...missing, ...unnamed].map((name) => `${one.name}: ${name}`);
  });
  expect(wrong).toEqual([]);
});

test("each capability has an endpoint and a unique name", () => {
  expect(all.filter((one) => one.gateway.length + one.multiInstance.length === 0).map(({ name }) => name)).toEqual([]);
  const names = all.map(({ name }) => name);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

test("each case of running the gateway has a unique name, a source and what happens", () => {
  const names = runningCases.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(runningCases.filter(({ source, now }) => source === "" || now === "")).toEqual([]);
  // One for each row of the evidence that the list began with, and those found since.
  expect(names.length).toBeGreaterThanOrEqual(25);
});

test("each test that a capability or a case names exists", () => {
  const missing = [...all, ...runningCases].flatMap(({ tests }) =>
    tests.filter((one) => {
      const { file, name } = splitTest(one);
      const text = existsSync(file) ? read(file) : "";
      return !['"', "`", "'"].some((quote) => text.includes(`${quote}${name}${quote}`));
    }),
  );
  expect(missing).toEqual([]);
});
