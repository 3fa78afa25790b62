import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { commandCatalog } from "../../core/command/catalog/index.ts";
import { eventCatalog } from "../../core/event/catalog/index.ts";
import { gatewayBodies } from "../../core/webhook/body/gateway.ts";
import { multiInstanceBodies } from "../../core/webhook/body/multi-instance.ts";
import { asyncApi, queueSchemas } from "../../functions/api/document/asyncapi.ts";

/** Programs that use the queues rely on these documents, so a change affects them. `vitest run -u` writes them again. */
const docs = "../../docs";
const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

test("the AsyncAPI document equals the published document", async () => {
  await expect(json(asyncApi())).toMatchFileSnapshot(`${docs}/asyncapi.json`);
});

test("the JSON Schemas equal the published schemas", async () => {
  const schemas = queueSchemas();
  for (const [path, schema] of Object.entries(schemas)) {
    await expect(json(schema), path).toMatchFileSnapshot(`${docs}/schemas/${path}`);
  }
  const folder = fileURLToPath(new URL(`${docs}/schemas`, import.meta.url));
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".json"));
  expect(files.sort()).toEqual(Object.keys(schemas).sort());
  expect(Object.keys(schemas)).toHaveLength(
    3 + 2 * Object.keys(commandCatalog).length + Object.keys(eventCatalog).length,
  );
});

test("every reference in the AsyncAPI document resolves, and message names are unique", () => {
  const document = asyncApi() as Record<string, Record<string, Record<string, object>>>;
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"(#[^"]*)"/g)].map(([, path]) => path ?? "");
  for (const reference of new Set(references)) {
    const found = reference
      .slice(2)
      .split("/")
      .reduce((at: unknown, step) => (at as Record<string, unknown> | undefined)?.[step], document);
    expect(found, reference).toBeDefined();
  }
  const commands = Object.keys(commandCatalog);
  const bodies = Object.keys(gatewayBodies).length + Object.keys(multiInstanceBodies).length;
  const messages = commands.length * 2 + 3 + Object.keys(eventCatalog).length + bodies + 3;
  expect(Object.keys(document.components?.messages ?? {})).toHaveLength(messages);
  expect(Object.keys(document.operations ?? {}).sort()).toEqual(
    [...commands, "events", "instance-stream", "stream"].sort(),
  );
});

test("the AsyncAPI document does not show encrypted fields", () => {
  expect(json(asyncApi())).not.toMatch(/sealed/i);
});
