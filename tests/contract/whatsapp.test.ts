import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { rules } from "../../simulator/rule/index.ts";
import { read } from "../support/docs/markdown.ts";
import { splitTest, whatsappPage } from "../support/docs/whatsapp.ts";

const simulator = readdirSync("simulator", { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.startsWith("rule/"))
  .map((file) => read(`simulator/${file}`))
  .join("\n");

test("docs/reference/whatsapp.md equals the output of `npm run docs`", () => {
  expect(read("docs/reference/whatsapp.md")).toBe(whatsappPage());
});

test("each rule about WhatsApp has a unique name in snake case, and a claim that is a sentence", () => {
  const names = rules.map(({ name }) => name);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  expect(names.filter((name) => !/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name))).toEqual([]);
  expect(rules.filter(({ claim }) => !/^[`A-Z].*\.$/s.test(claim)).map(({ name }) => name)).toEqual([]);
});

test("each rule about WhatsApp has a source, and each file among the sources exists and contains the named text", () => {
  const wrong = rules.flatMap(({ name, sources }) => {
    if (sources.length === 0) return [`${name} has no source`];
    return sources.flatMap((source) => {
      if ("url" in source) return source.url.startsWith("https://") ? [] : [`${name}: ${source.url}`];
      const text = existsSync(source.path) ? readFileSync(source.path, "utf8") : "";
      return text.includes(source.text ?? "") && text !== "" ? [] : [`${name}: ${source.path}: ${source.text}`];
    });
  });
  expect(wrong).toEqual([]);
});

test("each test and each witness that a rule about WhatsApp names exists", () => {
  const missing = rules.flatMap(({ tests, witness }) => {
    const named = tests.filter((one) => {
      const { file, name } = splitTest(one);
      const text = existsSync(file) ? read(file) : "";
      return !['"', "`", "'"].some((quote) => text.includes(`${quote}${name}${quote}`));
    });
    return witness && !existsSync(witness) ? [...named, witness] : named;
  });
  expect(missing).toEqual([]);
});

test("each rule that the simulator enforces has a test", () => {
  expect(rules.filter(({ enforced, tests }) => enforced && tests.length === 0).map(({ name }) => name)).toEqual([]);
});

test("the simulator asks for each rule that can be relaxed", () => {
  const ignored = rules.filter(({ name, relaxable }) => relaxable && !simulator.includes(`relaxed("${name}")`));
  expect(ignored.map(({ name }) => name)).toEqual([]);
});
