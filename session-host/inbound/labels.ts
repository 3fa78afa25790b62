import { type BaileysEventMap, jidNormalizedUser, type WASocket } from "@whiskeysockets/baileys";
import type { LabelFact } from "../../core/label/fact.ts";
import { isLidJid } from "../../core/message/recipient.ts";
import { isBusiness } from "../baileys/account.ts";
import type { Change } from "../ledger/change.ts";

/**
 * Reads the app state again. WhatsApp does not notify a device of its own changes, so a change whose answer was lost with the
 * connection or the host becomes known only this way. Baileys itself does the first synchronization, which brings the keys.
 */
async function synchronize(sock: WASocket): Promise<void> {
  const { creds } = sock.authState;
  if (!isBusiness(creds) || !creds.myAppStateKeyId) return;
  try {
    await sock.resyncAppState(["regular"], false);
  } catch {
    // The next change by any device synchronizes as well.
  }
}

/**
 * Records the news of labels that one connection reports. Baileys stores the version of the app state first, and does not
 * report older news again. The news is therefore recorded in a microtask, so that one transaction holds both.
 */
export class LabelBook {
  readonly #record: (change: Change) => Promise<void>;
  #pending: LabelFact[] = [];
  #recorded: Promise<unknown> = Promise.resolve();
  /** The highest label id so far, as a number; 0 if there was none. */
  highest = 0;

  constructor(record: (change: Change) => Promise<void>) {
    this.#record = record;
  }

  /** Listens to the events of Baileys that are about labels. */
  listen(sock: WASocket): void {
    sock.ev.on("labels.edit", (label) => this.add(ofEdit(label)));
    sock.ev.on("labels.association", (association) => {
      const fact = ofAssociation(association);
      this.add(fact);
      if (fact.labeled && isLidJid(fact.chatId)) void recordPhone(sock, fact.chatId, this.#record);
    });
    sock.ev.on("connection.update", ({ connection }) => {
      if (connection === "open") void synchronize(sock);
    });
  }

  add(fact: LabelFact): void {
    // WhatsApp's apps write no other ids, and a column may not be able to store them.
    const { labelId, chatId, messageId } = { chatId: "", messageId: "", ...fact };
    if (!labelId || ![labelId, chatId, messageId].every((id) => /^[!-~]{0,128}$/.test(id))) return;
    this.highest = Math.max(this.highest, numberOf(labelId));
    // A first synchronization reports hundreds at once.
    if (this.#pending.push(fact) === 1) queueMicrotask(() => this.#flush());
  }

  /** Resolves when all news so far is durable. Also resolves if it can't be stored: then the connection ends. */
  async settled(): Promise<void> {
    this.#flush();
    await this.#recorded;
  }

  #flush(): void {
    if (this.#pending.length === 0) return;
    this.#recorded = this.#record({ labels: this.#pending }).catch(() => undefined);
    this.#pending = [];
  }
}

/** Returns the number of a label id, or 0 if the id is not a small number. */
export const numberOf = (labelId: string) => (/^[0-9]{1,9}$/.test(labelId) ? Number(labelId) : 0);

/** Longer than any name that WhatsApp's apps accept. */
const maxName = 1_000;

/** A deletion may omit the name. */
function ofEdit(label: BaileysEventMap["labels.edit"]): LabelFact {
  const { id, name, color, deleted, predefinedId }: Partial<typeof label> = label;
  return {
    kind: "label",
    labelId: id ?? "",
    name: (name ?? "").slice(0, maxName),
    color: Math.trunc(color ?? 0) | 0,
    predefinedId: predefinedId || null,
    deleted: deleted ?? false,
  };
}

function ofAssociation({ type, association }: BaileysEventMap["labels.association"]) {
  return {
    kind: "target" as const,
    labelId: association.labelId ?? "",
    chatId: jidNormalizedUser(association.chatId),
    messageId: "messageId" in association ? (association.messageId ?? "") : "",
    labeled: type === "add",
  };
}

/** Records the phone number of a labeled chat that is known by LID, so that the contacts have it. */
async function recordPhone(sock: WASocket, lid: string, record: (change: Change) => Promise<void>): Promise<void> {
  try {
    const phone = await sock.signalRepository.lidMapping.getPNForLID(lid);
    if (phone) await record({ contacts: [{ jid: jidNormalizedUser(phone), lid }] });
  } catch {
    // The connection has ended. The chat is shown by its LID until its phone number is reported.
  }
}
