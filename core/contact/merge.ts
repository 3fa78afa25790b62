/** What WhatsApp tells of a person or a group, at one time, from one of its sources. What is not said stays as it was. */
export interface ContactFact {
  /** By phone number where it is told, else the LID; `…@g.us` for groups. */
  jid: string;
  /** Of a person, beside the phone number. */
  lid?: string;
  /** From the address book, or a group's subject; null when the owner has removed the entry. */
  name?: string | null;
  /** How an older chat was called: counts while the address book says nothing. */
  chatName?: string;
  pushName?: string;
  businessName?: string;
  /** Says something only of who is a contact already, as that number and LID are one person: nobody becomes one by it. */
  link?: true;
  /** A group that the account has left. */
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
 * The contacts of one instance as far as some facts are about them. A person is one row, whichever of number and LID was
 * heard of first: a fact that names both makes one row of two.
 */
export class ContactBook {
  readonly #before: ReadonlyMap<string, ContactRow>;
  readonly #rows = new Map<string, ContactRow>();
  readonly #byLid = new Map<string, string>();

  /** @param rows those that have one of the facts' JIDs, as `jid` or as `lid`. */
  constructor(rows: readonly ContactRow[]) {
    this.#before = new Map(rows.map((row) => [row.jid, { ...row }]));
    for (const row of rows) this.#put({ ...row });
  }

  apply(fact: ContactFact): void {
    if (fact.gone) {
      this.#rows.delete(fact.jid);
      return;
    }
    const [first, ...others] = this.#about(fact);
    if (!first && fact.link) return;
    for (const row of [first, ...others]) if (row) this.#remove(row);
    const all = [first, ...others].filter((row) => row !== undefined);
    const told = <Field extends "name" | "pushName" | "businessName">(field: Field): string | null =>
      all.find((row) => row[field] !== null)?.[field] ?? null;
    const name = fact.name === undefined ? told("name") : fact.name;
    this.#put({
      jid: isLid(fact.jid) ? (first?.jid ?? fact.jid) : fact.jid,
      lid: isLid(fact.jid) ? fact.jid : (fact.lid ?? first?.lid ?? null),
      isGroup: fact.jid.endsWith("@g.us"),
      name: name ?? fact.chatName ?? null,
      pushName: fact.pushName ?? told("pushName"),
      businessName: fact.businessName ?? told("businessName"),
    });
  }

  /** These are all groups there are: others go. */
  keepGroups(jids: readonly string[]): void {
    const kept = new Set(jids);
    for (const row of [...this.#rows.values()]) if (row.isGroup && !kept.has(row.jid)) this.#rows.delete(row.jid);
  }

  /** Which rows must go and which must be written for the table to say the same. */
  changes(): { removed: string[]; written: ContactRow[] } {
    return {
      removed: [...this.#before.keys()].filter((jid) => !this.#rows.has(jid)),
      written: [...this.#rows.values()].filter((row) => !same(row, this.#before.get(row.jid))),
    };
  }

  /** The rows that a fact is about, the one by phone number first: what it says wins where both say something. */
  #about({ jid, lid }: ContactFact): ContactRow[] {
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
