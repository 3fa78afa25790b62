import { describe, expect, test } from "vitest";
import * as z from "zod";
import { commandCatalog } from "../../../core/command/catalog/index.ts";
import { AppError } from "../../../core/error.ts";
import { ingressMessage } from "../../../core/ingress/message.ts";
import { nearestName } from "../../../core/nearest-name.ts";
import { unknownFields } from "../../../core/unknown-field.ts";
import { assertKnownFields, validated } from "../../../core/validate.ts";
import { dialects } from "../../support/endpoint/dialect-tables.ts";

const written = { whole: "body", field: "field" };

/** Returns the error text for a value, or null if the value is valid. */
function refusal(schema: z.ZodType, value: unknown): string | null {
  try {
    validated(schema, value, written);
    return null;
  } catch (error) {
    return error instanceof AppError && error.code === "invalid_request" ? (error.details ?? "") : String(error);
  }
}

describe("the nearest name", () => {
  const known = ["phone", "message", "quotedMessageId", "mentions", "sendAt", "onRestriction"];
  test.each<[string, string | undefined]>([
    ["quoted", "quotedMessageId"],
    ["quoted_message_id", "quotedMessageId"],
    ["Phone", "phone"],
    ["mesage", "message"],
    ["sendat", "sendAt"],
    ["at", undefined],
    ["delay", undefined],
    ["", undefined],
    ["__proto__", undefined],
    ["olny".repeat(10), undefined],
  ])("of %.40s is %s", (name, expected) => {
    expect(nearestName(name, known)).toBe(expected);
  });
});

describe("an unknown field", () => {
  const nested = z.object({
    name: z.string(),
    settings: z
      .object({ secret: z.string().optional(), retries: z.int().default(3) })
      .prefault({})
      .optional(),
    list: z
      .array(z.object({ id: z.string() }))
      .nullable()
      .optional(),
    pick: z
      .union([z.object({ allow: z.string() }), z.object({ deny: z.string(), why: z.string() }), z.null()])
      .optional(),
    kind: z
      .discriminatedUnion("type", [
        z.object({ type: z.literal("a"), x: z.string() }),
        z.object({ type: z.literal("b"), y: z.string() }),
      ])
      .optional(),
    piped: z
      .preprocess(
        (value) => value,
        z.object({ inner: z.string() }).transform(({ inner }) => inner),
      )
      .optional(),
    strict: z.strictObject({ only: z.string() }).optional(),
  });

  test.each([
    [{ name: "x", proxy: "y" }, "proxy: unknown field, known are name, settings, list, pick, kind, piped, strict"],
    [{ nam: "x" }, 'nam: unknown field, did you mean "name"?; name: is required'],
    [{ name: "x", settings: { secert: "y" } }, 'settings.secert: unknown field, did you mean "secret"?'],
    [{ name: "x", list: [{ id: "1" }, { id: "2", idd: 1 }] }, 'list.1.idd: unknown field, did you mean "id"?'],
    [{ name: "x", pick: { deny: "y", why: "z", wy: "" } }, 'pick.wy: unknown field, did you mean "why"?'],
    [{ name: "x", kind: { type: "b", y: "1", x: "2" } }, "kind.x: unknown field, known are type, y"],
    [{ name: "x", piped: { inner: "1", iner: "2" } }, 'piped.iner: unknown field, did you mean "inner"?'],
    [{ name: "x", strict: { only: "1", olny: "2" } }, 'strict.olny: unknown field, did you mean "only"?'],
    [JSON.parse('{"name":"x","__proto__":1}'), "__proto__: unknown field, known are"],
    [{ name: "x", constructor: 1 }, "constructor: unknown field, known are"],
    [{ name: "x", "a\u0000b\nc": 1 }, '"a\\u0000b\\nc": unknown field, known are'],
  ])("is named with its path: %j", (value, text) => {
    expect(refusal(nested, value)?.slice(0, text.length)).toBe(text);
  });

  test("is named although the rest is not valid, where the value matches no option", () => {
    expect(refusal(nested, { name: "x", pick: { alow: "y" } })).toMatch(
      /^pick\.alow: unknown field, did you mean "allow"/,
    );
  });

  test("in a record with a list of names is named with the nearest name", () => {
    const quotas = z.partialRecord(z.enum(["instances", "openBulks"]), z.int());
    expect(refusal(quotas, { instanses: 1 })).toMatch(/^instanses: unknown field, did you mean "instances"\?/);
  });

  test("is refused where nothing is allowed", () => {
    expect(refusal(z.object({}).nullish(), { a: 1 })).toBe("a: unknown field, none is allowed here");
    for (const empty of [undefined, null, {}]) expect(refusal(z.object({}).nullish(), empty)).toBeNull();
  });

  test("with a hostile name, or among hundreds of thousands, causes a short message in little time", () => {
    const many = Object.fromEntries(Array.from({ length: 250_000 }, (_, index) => [`${"x".repeat(30)}${index}`, 1]));
    expect(nearestName("message".repeat(1_000_000), ["message"])).toBeUndefined();
    const details = refusal(z.object({ name: z.string() }), { ["y".repeat(3_000_000)]: 1, ...many }) ?? "";
    expect(details.length).toBeLessThanOrEqual(1_000);
    expect(details).toContain("and more");
    expect(unknownFields(nested, many, false)).toHaveLength(11);
  });

  /** Parses of the options, without those of one parse of the whole value. */
  function extraParses(check: (schema: z.ZodType, value: unknown) => void, value: unknown): number {
    let parses = 0;
    const counted = (schema: z.ZodType) =>
      z.preprocess((given) => {
        parses++;
        return given;
      }, schema);
    const option = z.union([counted(z.object({ a: z.string() })), counted(z.object({ b: z.string() }))]);
    const schema = z.object({ list: z.array(option).max(1_000), map: z.record(z.string(), option).optional() });
    schema.safeParse(value);
    const once = parses;
    parses = 0;
    check(schema, value);
    return parses - once;
  }
  const empties = Array.from({ length: 30_000 }, () => ({}));

  test.each<[string, (schema: z.ZodType, value: unknown) => void]>([
    ["a request", (schema, value) => expect(refusal(schema, value)).toMatch(/^(?:list|map\.0\.a): /)],
    ["the input of a command", (schema, value) => assertKnownFields(schema, value, written)],
  ])("is not searched in all of an invalid value: %s", (_name, check) => {
    expect(extraParses(check, { list: empties })).toBeLessThanOrEqual(10_000);
    expect(extraParses(check, { list: [], map: { ...empties } })).toBeLessThanOrEqual(10_000);
    const nested = Array.from({ length: 300 }, () => ({ a: Array.from({ length: 1_000 }, () => 1) }));
    expect(extraParses(check, { list: [], map: { ...nested } })).toBeLessThanOrEqual(100);
  });

  test("is not searched by parsing options of another kind than the value", () => {
    let parses = 0;
    const counted = z.string().refine(() => ++parses > 0);
    const schema = z.object({ list: z.array(z.union([counted, z.object({ a: counted })])) });
    expect(unknownFields(schema, { list: [{ a: "x", b: 1 }] }, true)).toEqual([
      { path: ["list", "0", "b"], known: ["a"] },
    ]);
    expect(parses).toBe(0);
  });

  test("is found in the last of many valid items", () => {
    const schema = z.object({ list: z.array(z.object({ id: z.string() })) });
    const list = Array.from({ length: 20_000 }, () => ({ id: "1" }));
    expect(refusal(schema, { list: [...list, { id: "1", idd: 1 }] })).toMatch(/^list\.20000\.idd: unknown field/);
  });

  test("in the input of a command is named with the place of the input", () => {
    const check = () =>
      assertKnownFields(
        commandCatalog["message.sendText"].input,
        { to: "1", text: "x", delay: 1 },
        {
          whole: "input",
          field: "field",
        },
      );
    expect(check).toThrow(/^input\.delay: unknown field, known are to, text/);
  });
});

/** Returns the fields of a request in which anything is accepted, and throws for a schema that the search does not know. */
function freeFields(schema: z.core.$ZodType, path: string): string[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case "object":
      return [
        ...(def.catchall && def.catchall._zod.def.type !== "never" ? [path] : []),
        ...Object.entries(def.shape).flatMap(([name, field]) => freeFields(field, `${path}.${name}`)),
      ];
    case "optional":
    case "nullable":
    case "default":
    case "prefault":
    case "nonoptional":
    case "catch":
    case "readonly":
      return freeFields(def.innerType, path);
    case "pipe":
      return freeFields(def.in._zod.def.type === "transform" ? def.out : def.in, path);
    case "union":
      return def.options.flatMap((option) => freeFields(option, path));
    case "array":
      return freeFields(def.element, `${path}[]`);
    case "record":
      if (def.keyType._zod.def.type === "enum") return freeFields(def.valueType, `${path}.*`);
      return [path, ...freeFields(def.valueType, `${path}.*`).filter((one) => one !== `${path}.*`)];
    case "unknown":
    case "any":
      return [path];
    case "intersection":
    case "map":
    case "set":
    case "tuple":
    case "lazy":
    case "custom":
    case "transform":
    case "promise":
      throw new Error(`unknownFields does not look into ${def.type} at ${path}`);
    default:
      return [];
  }
}

test("only these fields of requests are free", () => {
  const endpoints = dialects.flatMap((dialect) => dialect.endpoints);
  const free = [
    ...endpoints.flatMap(({ method, path, body, query }) => [
      ...(body ? freeFields(body, `${method} ${path} `) : []),
      ...(query ? freeFields(query, `${method} ${path}?`) : []),
    ]),
    ...Object.values(commandCatalog).flatMap(({ name, input }) => freeFields(input, name)),
    ...freeFields(ingressMessage, "ingress"),
  ];
  const names = new Set(free.map((one) => one.replace(/^(?:post|put) \/api\/\S+ /, "").replaceAll("[]", "")));
  expect([...names].sort()).toEqual([
    ".data",
    ".headers",
    ".metadata",
    ".recipients.variables",
    ".session",
    ".webhookHeaders",
    ".webhookSettings.headers",
    // Each command declares its input.
    "ingress.input",
    "instance.updateSettings.metadata",
    "instance.updateSettings.webhookHeaders",
  ]);
});
