import { writeFileSync } from "node:fs";
import type { LoadedDialect } from "../../../functions/api/engine/dialect.ts";
import type { Endpoint } from "../../../functions/api/engine/endpoint.ts";
import { nameOf, type TestReference } from "./case.ts";
import { dialects } from "./dialect-tables.ts";
import { gatewayDocument, multiInstanceDocument } from "./documents.ts";
import { gatewayCases } from "./gateway/index.ts";
import { multiInstanceEffectTests } from "./multi-instance/effect-tests.ts";
import { type Feature, features } from "./simulator-features.ts";

/** One endpoint of the page. */
export interface Listed {
  endpoint: Endpoint;
  /** Whether the dialect's document has the endpoint. */
  documented: boolean;
  simulator: Feature | undefined;
  /** The test that checks the endpoint's effect. */
  testedBy: TestReference | undefined;
  /** The status of the endpoint's response if WhatsApp no longer supports the endpoint. */
  refused: number | undefined;
  /** Whether the endpoint's own case checks the effect. */
  hasEffect: boolean;
}

interface Source {
  title: string;
  /** The test file with the five cases of each endpoint. */
  cases: string;
  documented: ReadonlySet<string>;
  of(endpoint: string): Omit<Listed, "endpoint" | "documented">;
}

const sources: Record<string, Source> = {
  gateway: {
    title: "The Gateway API",
    cases: "tests/integration/endpoint/gateway.test.ts",
    documented: new Set(gatewayDocument.endpoints.map(({ endpoint }) => endpoint)),
    of: (endpoint) => {
      const { simulator, testedBy, effect, refused } = gatewayCases[endpoint] ?? {};
      return { simulator, testedBy, refused, hasEffect: effect !== undefined };
    },
  },
  "multi-instance": {
    title: "The Multi-Instance API",
    cases: "tests/integration/endpoint/multi-instance.test.ts",
    documented: new Set(multiInstanceDocument.flatMap((one) => ("endpoint" in one ? [one.endpoint] : []))),
    of: (endpoint) => {
      const { simulator, testedBy } = multiInstanceEffectTests[endpoint] ?? {};
      return { simulator, testedBy, refused: undefined, hasEffect: false };
    },
  },
};

function sourceOf({ name }: LoadedDialect): Source {
  const source = sources[name];
  if (!source) throw new Error(`no document of the dialect ${name}`);
  return source;
}

export function listed(dialect: LoadedDialect): Listed[] {
  const { documented, of } = sourceOf(dialect);
  return dialect.endpoints.map((endpoint) => ({
    endpoint,
    documented: documented.has(nameOf(endpoint)),
    ...of(nameOf(endpoint)),
  }));
}

const nounOf = (endpoint: Endpoint) => endpoint.path.split("/")[2] ?? "";
const linked = (file: string, text: string) => `[${text}](../${file})`;

function doing({ endpoint, refused }: Listed): string {
  if (refused !== undefined) return `refused: ${refused}`;
  if (endpoint.command) return `\`${endpoint.command}\``;
  return endpoint.method === "get" ? "reads" : "operation";
}

function line(one: Listed, cases: string): string {
  const { endpoint, documented, simulator, testedBy } = one;
  const shownAs = `${documented ? "" : "+ "}${endpoint.method.toUpperCase()} \`${endpoint.path}\``;
  const [file, name] = testedBy ?? [cases, "responds to a valid request as documented"];
  const test = `${linked(file, file.replace(/^tests\//, "").replace(".test.ts", ""))}: ${name.replaceAll("|", "\\|").replaceAll("%s", "…")}`;
  return `| ${shownAs} | ${doing(one)} | ${simulator ?? ""} | ${test} |`;
}

function chapter(dialect: LoadedDialect): string[] {
  const { title, cases, documented } = sourceOf(dialect);
  const all = listed(dialect);
  const shown = all.filter((one) => one.documented).length;
  const nouns = [...new Set(all.map(({ endpoint }) => nounOf(endpoint)))];
  return [
    `## ${title}`,
    "",
    `${shown} of the ${documented.size} endpoints of its document, and ${all.length - shown} more. Their five cases: ${linked(cases, cases)}.`,
    "",
    ...nouns.flatMap((noun) => [
      `### ${noun}`,
      "",
      "| endpoint | command | simulated WhatsApp | shown by |",
      "| --- | --- | --- | --- |",
      ...all.filter(({ endpoint }) => nounOf(endpoint) === noun).map((one) => line(one, cases)),
      "",
    ]),
  ];
}

/** Returns `docs/endpoints.md`, from the declarations and the cases of every endpoint. */
export function endpointsPage(): string {
  const simulator = Object.entries(features).map(([name, { what, files }]) => {
    const links = files.map((file) => linked(`simulator/${file}`, file));
    return `| ${name} | ${what} | ${links.join(", ")} |`;
  });
  return [
    "# Endpoints",
    "",
    "After reading this page, you can find an API endpoint, the command that it runs, and the test that shows what it does.",
    "",
    "This page is written by `npm run docs` from the declarations; don't edit it.",
    "",
    "- `+` marks an endpoint that the dialect's document doesn't have.",
    "- The command is what the session host does on WhatsApp. *reads* and *operation* are the API's own. *refused* gives the HTTP",
    "  status and the reason why WhatsApp no longer does it.",
    "- Each endpoint has five cases over the whole stack: valid, invalid, without credentials, another user's instance, not",
    "  connected. The named test checks what the endpoint does, on a phone where there is something to see.",
    "- [The simulated WhatsApp](#the-simulated-whatsapp) is described at the end.",
    "",
    ...dialects.toSorted((a, b) => (a.name < b.name ? -1 : 1)).flatMap(chapter),
    "## The simulated WhatsApp",
    "",
    "| part | what it does | files |",
    "| --- | --- | --- |",
    ...simulator,
    "",
  ].join("\n");
}

if (import.meta.main) writeFileSync("docs/endpoints.md", endpointsPage());
