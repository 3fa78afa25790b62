import { writeFileSync } from "node:fs";
import type { Capability, NamedTest } from "../capability/define.ts";
import { capabilities } from "../capability/index.ts";
import { runningCases } from "../capability/running.ts";

const cell = (text: string) => text.replaceAll("|", "\\|");
const codes = (values: readonly string[]) => (values.length > 0 ? values.map((one) => `\`${one}\``).join(", ") : "–");

/** Returns the file of a test and its name. */
export function splitTest(test: NamedTest): { file: string; name: string } {
  const end = test.indexOf(" > ");
  return { file: test.slice(0, end), name: test.slice(end + 3) };
}

function testText(test: NamedTest): string {
  const { file, name } = splitTest(test);
  return `[${file.replace(/^tests\//, "").replace(".test.ts", "")}](../../${file}): ${name.replaceAll("%s", "…")}`;
}

function row({ name, commands, gateway, multiInstance, simulator, tests }: Capability): string {
  const cells = [
    ...[name, codes(commands), codes(gateway), codes(multiInstance), simulator ?? "–"],
    tests.map(testText).join("; "),
  ];
  return `| ${cells.map(cell).join(" | ")} |`;
}

/** Returns the text of `docs/reference/capabilities.md`. */
export function capabilitiesPage(): string {
  return [
    "# Capabilities",
    "",
    "After reading this page, you can find the command, the endpoints and the test of each thing that Switchboard can do.",
    "",
    "This page is written by `npm run docs` from `tests/support/capability`; don't edit it.",
    "",
    "- An endpoint of the Gateway API works for every instance. A dash in the column of the Multi-Instance API means: use that endpoint.",
    "- A dash in the column of commands means that the API does it without a request to WhatsApp.",
    "- The valid, invalid, unauthenticated, foreign and not connected cases of each endpoint are in",
    "  [tests/integration/endpoint](../../tests/integration/endpoint). [Endpoints](../endpoints.md) lists them.",
    "",
    ...Object.entries(capabilities).flatMap(([subject, list]) => [
      `## ${subject}`,
      "",
      "| capability | command | Gateway API | Multi-Instance API | simulated WhatsApp | tests |",
      "| --- | --- | --- | --- | --- | --- |",
      ...list.map(row),
      "",
    ]),
    "## Running it",
    "",
    "Cases that people who run WhatsApp gateways report, what happens here, and the tests that show it. `.ci/run` also runs the tests in",
    "`fault` and `debian`, which `npm test` leaves out.",
    "",
    "| case | source | what happens | tests |",
    "| --- | --- | --- | --- |",
    ...runningCases.map(({ name, source, now, tests }) => {
      const cells = [name, source, now, tests.map(testText).join("; ")];
      return `| ${cells.map(cell).join(" | ")} |`;
    }),
    "",
  ].join("\n");
}

if (import.meta.main) writeFileSync("docs/reference/capabilities.md", capabilitiesPage());
