import type { BaileysEventMap, WASocket } from "@whiskeysockets/baileys";
import type { LabelFact } from "../../core/label/fact.ts";
import { isLidJid } from "../../core/message/recipient.ts";
import { plainJid } from "../baileys/address/jids.ts";
import type { Change } from "../ledger/change.ts";

/**
 * Records what one connection reports about labels. Baileys first stores the new version of the app state, and never
 * reports the changes up to that version again. The changes are therefore recorded in a microtask, so that one
 * transaction commits both the version and the changes.
 */
export class LabelBook {
  readonly #record: (change: Change) => Promise<void>;
  #pending: LabelFact[] = [];
  #recorded: Promise<unknown> = Promise.resolve();
  /** The highest label id that was reported so far, as a number, or 0. */
  highest = 0;

  constructor(record: (change: Change) => Promise<void>) {
    this.#record = record;
  }

  /** Listens to Baileys' events about labels. */
  listen(sock: WASocket): void {
    sock.ev.on("labels.edit", (label) => this.add(editFact(label)));
    sock.ev.on("labels.association", (association) => {
      const fact = associationFact(association);
      this.add(fact);
      if (fact.labeled && isLidJid(fact.chatId)) void recordPhone(sock, fact.chatId, this.#record);
    });
  }

  /** Records a fact, together with other facts that are added in the same turn of the event loop. */
  add(fact: LabelFact): void {
    // WhatsApp's apps write only ids of this form, and the database may not be able to store other ids.
    const { labelId, chatId, messageId } = { chatId: "", messageId: "", ...fact };
    if (!labelId || ![labelId, chatId, messageId].every((id) => /^[!-~]{0,128}$/.test(id))) return;
    this.highest = Math.max(this.highest, labelNumber(labelId));
    // A first synchronization reports hundreds of facts at once, which become one change.
    if (this.#pending.push(fact) === 1) queueMicrotask(() => this.#flush());
  }

  /** Resolves when all facts so far are durable or have failed to be stored. A failure ends the connection. */
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

/** Returns a label id as a number, or 0 if the id is not a number of up to nine digits. */
export const labelNumber = (labelId: string) => (/^[0-9]{1,9}$/.test(labelId) ? Number(labelId) : 0);

/** Maximum length of a stored name. WhatsApp's apps accept only shorter names. */
const maxName = 1_000;

/** Returns the fact that an edit of a label reports. A deletion may omit the name. */
function editFact(label: BaileysEventMap["labels.edit"]): LabelFact {
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

/** Returns the fact that a chat or a message was labeled or unlabeled. */
function associationFact({ type, association }: BaileysEventMap["labels.association"]) {
  return {
    kind: "target" as const,
    labelId: association.labelId ?? "",
    chatId: plainJid(association.chatId),
    messageId: "messageId" in association ? (association.messageId ?? "") : "",
    labeled: type === "add",
  };
}

/** Records the phone number of a labeled chat that is known by LID, so that the contacts have it. */
async function recordPhone(sock: WASocket, lid: string, record: (change: Change) => Promise<void>): Promise<void> {
  try {
    const phone = await sock.signalRepository.lidMapping.getPNForLID(lid);
    if (phone) await record({ contacts: [{ jid: plainJid(phone), lid }] });
  } catch {
    // The connection has ended. The API shows the chat by its LID until WhatsApp reports the phone number.
  }
}
