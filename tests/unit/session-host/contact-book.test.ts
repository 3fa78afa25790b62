import { describe, expect, test } from "vitest";
import { ContactBook, type ContactFact, type ContactRow } from "../../../core/contact/merge.ts";

const pn = "4915550000001@s.whatsapp.net";
const lid = "900000000000011@lid";

const row = (fields: Partial<ContactRow> & { jid: string }): ContactRow => ({
  lid: null,
  isGroup: false,
  name: null,
  pushName: null,
  businessName: null,
  ...fields,
});

/** Applies each fact in a separate book, then all facts in one book. Both must leave the same rows, which are returned. */
function rowsAfter(facts: ContactFact[], start: ContactRow[] = []): ContactRow[] {
  let table = new Map(start.map((one) => [one.jid, one]));
  for (const fact of facts) table = applyFacts(table, [fact]);
  const byJid = (rows: Iterable<ContactRow>) => [...rows].sort((a, b) => a.jid.localeCompare(b.jid));
  const together = applyFacts(new Map(start.map((one) => [one.jid, one])), facts);
  expect(byJid(together.values())).toEqual(byJid(table.values()));
  return byJid(table.values());
}

function applyFacts(table: Map<string, ContactRow>, facts: ContactFact[]): Map<string, ContactRow> {
  const book = new ContactBook([...table.values()]);
  for (const fact of facts) book.apply(fact);
  const { removed, written } = book.changes();
  const next = new Map(table);
  for (const jid of removed) next.delete(jid);
  for (const one of written) next.set(one.jid, one);
  return next;
}

const whole = row({ jid: pn, lid, name: "Address", pushName: "Push", businessName: "Business" });
const facts: ContactFact[] = [
  { jid: pn, name: "Address" },
  { jid: lid, pushName: "Push" },
  { jid: pn, lid, link: true },
  { jid: lid, businessName: "Business" },
];

const orders = <Item>(items: Item[]): Item[][] =>
  items.length <= 1
    ? [items]
    : items.flatMap((item, index) => orders(items.toSpliced(index, 1)).map((rest) => [item, ...rest]));

describe("a number and its LID are one person", () => {
  const linked = facts.map((fact) => (fact.link ? { jid: pn, lid } : fact));
  test.each(
    orders(linked).map((order) => [order.map((fact) => Object.values(fact).join(" ")).join(", "), order] as const),
  )("in every order of the facts: %s", (_name, order) => {
    expect(rowsAfter(order)).toEqual([whole]);
  });

  test("a number-LID pair alone creates no contact but merges two existing ones", () => {
    expect(rowsAfter([{ jid: pn, lid, link: true }])).toEqual([]);
    expect(rowsAfter(facts)).toEqual([whole]);
  });

  test("a person with a new number stays the same contact under that number", () => {
    const next = "4915550000002@s.whatsapp.net";
    expect(rowsAfter([{ jid: next, lid, pushName: "Push 2" }], [whole])).toEqual([
      { ...whole, jid: next, pushName: "Push 2" },
    ]);
  });
});

test("a name replaces only the name from its source, null removes that name, and a chat name replaces no name", () => {
  expect(rowsAfter([{ jid: pn, pushName: "New" }], [whole])).toEqual([{ ...whole, pushName: "New" }]);
  expect(rowsAfter([{ jid: lid, name: null }], [whole])).toEqual([{ ...whole, name: null }]);
  expect(rowsAfter([{ jid: pn, chatName: "Old chat" }], [whole])).toEqual([whole]);
  expect(rowsAfter([{ jid: pn, chatName: "Old chat" }])).toEqual([row({ jid: pn, name: "Old chat" })]);
});

test("facts that are already stored cause no change", () => {
  const book = new ContactBook([whole]);
  for (const fact of facts) book.apply(fact);
  expect(book.changes()).toEqual({ removed: [], written: [] });
});

test("groups that the account left are removed, one at a time or after a full list", () => {
  const groups = ["1@g.us", "2@g.us", "3@g.us"].map((jid) => row({ jid, isGroup: true, name: jid }));
  expect(rowsAfter([{ jid: "2@g.us", gone: true }], groups).map((one) => one.jid)).toEqual(["1@g.us", "3@g.us"]);
  const book = new ContactBook([...groups, whole]);
  book.keepGroups(["3@g.us"]);
  expect(book.changes()).toEqual({ removed: ["1@g.us", "2@g.us"], written: [] });
});
