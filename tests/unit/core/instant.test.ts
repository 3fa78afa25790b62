import { describe, expect, test } from "vitest";
import type * as z from "zod";
import { decodeCursor, encodeCursor } from "../../../core/chat/cursor.ts";
import { commandCatalog } from "../../../core/command/catalog/index.ts";
import { parseCursor } from "../../../core/event-stream/cursor.ts";
import { ingressMessage } from "../../../core/ingress/message.ts";
import { instant, localOrInstant, nearestInstant } from "../../../core/instant.ts";
import { dialects } from "../../support/endpoint/dialect-tables.ts";

const endpoints = dialects.flatMap((dialect) => dialect.endpoints);
const outside = [
  ...["0000-01-01T00:00:00Z", "0000-12-31T23:59:59.999Z", "0001-01-01T00:00:00+00:01", "0001-01-01T00:00:00+23:59"],
  ...["9999-12-31T23:59:59-00:01", "9999-12-31T23:59:59-23:59"],
];

/** The schemas of times with an offset in a schema. */
function instantsIn(schema: z.core.$ZodType): z.ZodType[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case "string":
      return "format" in def && def.format === "datetime" && !("local" in def && def.local)
        ? [schema as z.ZodType]
        : [];
    case "object":
      return Object.values(def.shape).flatMap(instantsIn);
    case "union":
      return def.options.flatMap(instantsIn);
    case "array":
      return instantsIn(def.element);
    case "record":
      return instantsIn(def.valueType);
    case "pipe":
      return [def.in, def.out].flatMap(instantsIn);
    case "optional":
    case "nullable":
    case "default":
    case "prefault":
      return instantsIn(def.innerType);
    default:
      return [];
  }
}

describe("an instant in a request", () => {
  const places: [string, z.ZodType][] = [
    ...endpoints.flatMap(({ method, path, query, body }) =>
      [query, body].flatMap((schema): [string, z.ZodType][] => (schema ? [[`${method} ${path}`, schema]] : [])),
    ),
    ...Object.values(commandCatalog).map(({ name, input }): [string, z.ZodType] => [name, input]),
    ["a message on a queue", ingressMessage],
  ];
  const instants = places.flatMap(([name, schema]) => instantsIn(schema).map((one) => [name, one] as const));

  test("is found in the schemas", () => {
    const names = instants.map(([name]) => name);
    expect(names).toEqual(expect.arrayContaining(["chat.setMuted", "a message on a queue", "put /api/keys/{keyId}"]));
  });

  test.each(instants)("of %s is in the years 1 to 9999 in UTC", (_name, schema) => {
    expect(schema.safeParse("2026-12-31T23:59:59.999+05:30").success).toBe(true);
    expect(outside.filter((text) => schema.safeParse(text).success)).toEqual([]);
  });

  test.each(outside)("%s is refused with the reason, also where a time without an offset is allowed", (text) => {
    for (const schema of [instant, localOrInstant])
      expect(schema.safeParse(text).error?.issues).toMatchObject([{ message: expect.stringContaining("1 to 9999") }]);
  });

  test("may be a limit of the range", () => {
    for (const text of ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999999+23:59"])
      expect(instant.safeParse(text).success, text).toBe(true);
    expect(localOrInstant.safeParse("9999-12-31T23:59").success).toBe(true);
    expect(localOrInstant.safeParse("0000-12-31T23:59").success).toBe(false);
  });

  test("of a range of time is the nearest one", () => {
    expect(nearestInstant(Number.NEGATIVE_INFINITY).toISOString()).toBe("0001-01-01T00:00:00.000Z");
    expect(nearestInstant(8.64e15).toISOString()).toBe("9999-12-31T00:00:00.000Z");
  });
});

describe("a cursor of chats", () => {
  const written = (...parts: unknown[]) => Buffer.from(JSON.stringify(parts)).toString("base64url");
  test.each(["2026-11-30 17:00:00+00", "2026-11-30 17:00:00.123456-03", "2026-11-30 17:00:00.1+05:30"])(
    "has a time as Postgres writes it: %s",
    (lastAt) => {
      const cursor = { rank: 0, lastAt, chatId: "a@g.us" };
      expect(decodeCursor(encodeCursor(cursor))).toEqual(cursor);
    },
  );

  test.each([
    ["no time", written(0, "2026-99-99 99:99:99+00", "a")],
    ["a day that doesn't exist", written(0, "2026-02-30 00:00:00+00", "a")],
    ["an offset that Postgres refuses", written(0, "2026-11-30 17:00:00+23:59", "a")],
    ["the year 0", written(0, "0000-11-30 17:00:00+00", "a")],
    ["the year 10000", written(0, "9999-12-31 23:59:59-01", "a")],
    ["more parts", written(0, "2026-11-30 17:00:00+00", "a", "b")],
    ["other characters", `${written(0, "2026-11-30 17:00:00+00", "a")}!`],
    ["another spelling", Buffer.from('[0, "2026-11-30 17:00:00+00", "a"]').toString("base64url")],
    ["no list", Buffer.from("null").toString("base64url")],
  ])("is refused with %s", (_name, cursor) => {
    expect(() => decodeCursor(cursor)).toThrow("cursor: must be the nextCursor");
  });
});

test("a cursor of events has no time after the year 9999", () => {
  expect(parseCursor("5.t3k9x1").position).toBe(5);
  expect(() => parseCursor("5.zzzzzzzz")).toThrow("no valid time");
});
