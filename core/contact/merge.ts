/**
 * What one source of WhatsApp reports about a person or a group at one time. Absent fields were not reported, and their
 * stored values stay.
 */
export interface ContactFact {
  /** The phone number if reported, else the LID; `…@g.us` for groups. */
  jid: string;
  /** A person's LID, reported together with the phone number. */
  lid?: string;
  /** From the address book, or a group's subject. Null after the owner removed the entry. */
  name?: string | null;
  /** The title of an older chat, used while the address book has no name. */
  chatName?: string;
  pushName?: string;
  businessName?: string;
  /** Whether the fact only links the number and LID of a known contact and creates no contact. */
  link?: true;
  /** The account has left the group. */
  gone?: true;
}

/** A row of `contacts`. */
export interface ContactRow {
  jid: string;
  lid: string | null;
  isGroup: boolean;
  name: string | null;
  pushName: string | null;
  businessName: string | null;
}

const isPhone = (jid: string) => jid.endsWith("@s.whatsapp.net");
const isLid = (jid: string) => jid.endsWith("@lid");

/**
 * The contacts of one instance that a list of facts is about. A person is one row, whether WhatsApp reported the number
 * or the LID first: a fact with both merges two rows.
 */
export class ContactBook {
  readonly #before: ReadonlyMap<string, ContactRow>;
  readonly #rows = new Map<string, ContactRow>();
  readonly #byLid = new Map<string, string>();

  /** @param rows the contacts whose `jid` or `lid` appears in the facts. */
  constructor(rows: readonly ContactRow[]) {
    this.#before = new Map(rows.map((row) => [row.jid, { ...row }]));
    for (const row of rows) this.#put({ ...row });
  }

  apply(fact: ContactFact): void {
    if (fact.gone) {
      this.#rows.delete(fact.jid);
      return;
    }
    const [first, ...others] = this.#rowsOf(fact);
    if (!first && fact.link) return;
    for (const row of [first, ...others]) if (row) this.#remove(row);
    const all = [first, ...others].filter((row) => row !== undefined);
    const known = <Field extends "name" | "pushName" | "businessName">(field: Field): string | null =>
      all.find((row) => row[field] !== null)?.[field] ?? null;
    const name = fact.name === undefined ? known("name") : fact.name;
    this.#put({
      jid: isLid(fact.jid) ? (first?.jid ?? fact.jid) : fact.jid,
      lid: isLid(fact.jid) ? fact.jid : (fact.lid ?? first?.lid ?? null),
      isGroup: fact.jid.endsWith("@g.us"),
      name: name ?? fact.chatName ?? null,
      pushName: fact.pushName ?? known("pushName"),
      businessName: fact.businessName ?? known("businessName"),
    });
  }

  /** Removes all groups except the given ones. */
  keepGroups(jids: readonly string[]): void {
    const kept = new Set(jids);
    for (const row of [...this.#rows.values()]) if (row.isGroup && !kept.has(row.jid)) this.#rows.delete(row.jid);
  }

  /** Returns the rows to delete and the rows to write. */
  changes(): { removed: string[]; written: ContactRow[] } {
    return {
      removed: [...this.#before.keys()].filter((jid) => !this.#rows.has(jid)),
      written: [...this.#rows.values()].filter((row) => !same(row, this.#before.get(row.jid))),
    };
  }

  /**
   * Returns the rows that a fact is about. The row with the phone number is first, because its values take precedence.
   */
  #rowsOf({ jid, lid }: ContactFact): ContactRow[] {
    const found = [jid, ...(lid ? [lid] : [])].flatMap((id) => this.#rows.get(id) ?? []);
    const byLid = [lid, isLid(jid) ? jid : undefined].flatMap(
      (id) => this.#rows.get(this.#byLid.get(id ?? "") ?? "") ?? [],
    );
    return [...new Set([...found, ...byLid])].sort((a, b) => Number(isPhone(b.jid)) - Number(isPhone(a.jid)));
  }

  #put(row: ContactRow): void {
    this.#rows.set(row.jid, row);
    if (row.lid) this.#byLid.set(row.lid, row.jid);
  }

  #remove(row: ContactRow): void {
    this.#rows.delete(row.jid);
    if (row.lid && this.#byLid.get(row.lid) === row.jid) this.#byLid.delete(row.lid);
  }
}

function same(row: ContactRow, before: ContactRow | undefined): boolean {
  return (
    before !== undefined &&
    row.lid === before.lid &&
    row.name === before.name &&
    row.pushName === before.pushName &&
    row.businessName === before.businessName
  );
}
