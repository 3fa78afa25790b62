import { expect, test } from "vitest";
import { firstLink } from "../../../core/message/link.ts";

test.each([
  ["see https://a.example/x?y=1#z.", "https://a.example/x?y=1#z"],
  ["(http://a.example)", "http://a.example"],
  ["HTTPS://A.example/Ä! https://b.example", "HTTPS://A.example/Ä"],
  ["<https://a.example/>", "https://a.example/"],
  ["https:// and https://b.example", "https://b.example"],
  ["ftp://a.example, www.a.example, xhttps://a.example", undefined],
  [`https://a.example/${"x".repeat(3000)}`, undefined],
  ["", undefined],
])("the first link in %j is %s", (text, link) => {
  expect(firstLink(text)).toBe(link);
});

test("the search for a link takes linear time", () => {
  for (const part of ["https://", "https://.", "http", "https://a.b)"]) firstLink(part.repeat(200_000));
});
