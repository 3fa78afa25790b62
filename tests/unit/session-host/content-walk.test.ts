import { expect, test } from "vitest";
import { unreadFields } from "../../support/content/unread.ts";
import { fateOf, topFields, walkParsedFields } from "../../support/content/walk.ts";

test("each field of the pinned proto.Message is parsed, opened as a wrapper, or ignored with a reason", () => {
  const fates = topFields.map((name) => [name, fateOf(name)] as const);
  expect(fates.filter(([, fate]) => !fate).map(([name]) => name)).toEqual([]);
  const count = (wanted: string) => fates.filter(([, fate]) => fate === wanted).length;
  console.log(
    `proto.Message has ${fates.length} fields: ${count("parsed")} parsed, ${count("wrapper")} wrappers, ${count("ignored")} ignored with a reason, none left`,
  );
});

test("each field of the parts that a parser reaches is read, or listed with a reason", () => {
  const { read, unread } = walkParsedFields();
  const listed = Object.values(unreadFields).flat();
  const entryOf = (field: string) => {
    const anywhere = `*${field.slice(field.lastIndexOf("."))}`;
    return listed.find((entry) => entry === field) ?? listed.find((entry) => entry === anywhere);
  };
  expect([...unread].filter((field) => !entryOf(field))).toEqual([]);
  const used = new Set([...unread].map(entryOf));
  expect(listed.filter((entry) => !used.has(entry))).toEqual([]);
  console.log(
    `the parts of parsed messages have ${read.size + unread.size} fields: ${read.size} read, ${unread.size} with a reason, none left`,
  );
});
