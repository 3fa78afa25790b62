import { writeFileSync } from "node:fs";
import type { Rule, Source } from "../../../simulator/rule/define.ts";
import { rules, rulesBySubject } from "../../../simulator/rule/index.ts";

const cell = (text: string) => text.replaceAll("|", "\\|");

function sourceText(source: Source): string {
  const name = "url" in source ? `[${source.name}](${source.url})` : source.name;
  return source.text === undefined ? name : `${name} (\`${source.text}\`)`;
}

/** Returns the file of a test and its name. */
export function splitTest(test: Rule["tests"][number]): { file: string; name: string } {
  const end = test.indexOf(" > ");
  return { file: test.slice(0, end), name: test.slice(end + 3) };
}

function testText(test: Rule["tests"][number]): string {
  const { file, name } = splitTest(test);
  return `[${file}](../../${file}): ${name}`;
}

function section(title: string, subject: readonly Rule[]): string[] {
  const rows = subject.map(({ name, claim, sources, checked, tests, enforced, relaxable, witness }) => {
    const enforcement = enforced ? (relaxable ? "yes, can be relaxed" : "yes") : "no";
    const witnessed = witness ? `[${witness}](../../${witness})` : "–";
    const cells = [
      `\`${name}\``,
      claim,
      sources.map(sourceText).join("; "),
      checked,
      tests.length > 0 ? tests.map(testText).join("; ") : "–",
      enforcement,
      witnessed,
    ];
    return `| ${cells.map(cell).join(" | ")} |`;
  });
  return [
    `## ${title}`,
    "",
    "| rule | what WhatsApp does | sources | checked | tests | enforced | witness |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
  ];
}

/** Returns the text of `docs/reference/whatsapp.md`. */
export function whatsappPage(): string {
  const count = (matches: (rule: Rule) => boolean) => rules.filter(matches).length;
  return [
    "# What we believe about WhatsApp",
    "",
    "After reading this page, you can look up each assumption about WhatsApp that Switchboard relies on, with its sources and its test.",
    "",
    "This page is written by `npm run docs` from the files in `simulator/rule/`; don't edit it. Switchboard has never been compared with",
    "the real WhatsApp. Each assumption has a source, and the sources are other people's programs and reports.",
    "",
    "| assumptions | count |",
    "| --- | --- |",
    `| all | ${rules.length} |`,
    `| that the simulated WhatsApp enforces | ${count(({ enforced }) => enforced)} |`,
    `| that it doesn't enforce | ${count(({ enforced }) => !enforced)} |`,
    `| with a test | ${count(({ tests }) => tests.length > 0)} |`,
    `| without a test | ${count(({ tests }) => tests.length === 0)} |`,
    `| with an independent witness | ${count(({ witness }) => witness !== false)} |`,
    `| without a witness | ${count(({ witness }) => witness === false)} |`,
    "",
    '"Enforced" means that the simulated WhatsApp does what the claim says, so that a test fails if Switchboard relies on something else.',
    'Rules are enforced by default. Those that "can be relaxed" can be switched off by name: `startWhatsApp({ relax: [name] })` or',
    "`world.rules.relax(name)` in a test, and `PUT /rules/{rule}/relaxed` in the control API. A witness is a client other than Baileys that",
    "shows the same against the simulator. Names of Baileys' files are those of the version in `package.json`.",
    "",
    ...Object.entries(rulesBySubject).flatMap(([title, subject]) => section(title, subject)),
  ].join("\n");
}

if (import.meta.main) writeFileSync("docs/reference/whatsapp.md", whatsappPage());
