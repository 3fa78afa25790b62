import { type BaileysEventMap, jidNormalizedUser, type WASocket } from "@whiskeysockets/baileys";
import type { LabelFact } from "../../core/label/fact.ts";
import { isLidJid } from "../../core/message/recipient.ts";
import { isBusiness } from "../baileys/account.ts";
import type { Change } from "../ledger/change.ts";

/**
 * What this device changed itself WhatsApp does not tell it again: of a change whose answer was lost with the connection, or with the
 * host, we hear only when we ask. The first synchronization, which brings the keys for this, Baileys does by itself.
 */
async function catchUp(sock: WASocket): Promise<void> {
  const { creds } = sock.authState;
  if (!isBusiness(creds) || !creds.myAppStateKeyId) return;
  try {
    await sock.resyncAppState(["regular"], false);
  } catch {
    // The next change of any device catches up as well.
  }
}

/**
 * What was told of labels on one connection. It is recorded before anything else of the process has its turn, and so in one
 * transaction with the version of the app state from which it comes: Baileys stores that first, and what is older than it is not
 * told again.
 */
export class LabelBook {
  readonly #record: (change: Change) => Promise<void>;
  #told: LabelFact[] = [];
  #kept: Promise<unknown> = Promise.resolve();
  /** The highest id that was told of, as a number; 0 when there was none. */
  highest = 0;

  constructor(record: (change: Change) => Promise<void>) {
    this.#record = record;
  }

  /** Listens to the events of Baileys that are about labels. */
  listen(sock: WASocket): void {
    sock.ev.on("labels.edit", (label) => this.tell(ofEdit(label)));
    sock.ev.on("labels.association", (told) => {
      const fact = ofAssociation(told);
      this.tell(fact);
      if (fact.labeled && isLidJid(fact.chatId)) void nameChat(sock, fact.chatId, this.#record);
    });
    sock.ev.on("connection.update", ({ connection }) => {
      if (connection === "open") void catchUp(sock);
    });
  }

  tell(fact: LabelFact): void {
    // What does not look like this is nothing that WhatsApp's apps write, and may be nothing that a table takes.
    const { labelId, chatId, messageId } = { chatId: "", messageId: "", ...fact };
    if (!labelId || ![labelId, chatId, messageId].every((id) => /^[!-~]{0,128}$/.test(id))) return;
    this.highest = Math.max(this.highest, numberOf(labelId));
    // A first synchronization tells of hundreds in one go.
    if (this.#told.push(fact) === 1) queueMicrotask(() => this.#keep());
  }

  /** Resolves when all that was told is durable, or never will be: then the connection ends. */
  async settled(): Promise<void> {
    this.#keep();
    await this.#kept;
  }

  #keep(): void {
    if (this.#told.length === 0) return;
    this.#kept = this.#record({ labels: this.#told }).catch(() => undefined);
    this.#told = [];
  }
}

/** Ids are small numbers; 0 for what is none. */
export const numberOf = (labelId: string) => (/^[0-9]{1,9}$/.test(labelId) ? Number(labelId) : 0);

/** More than WhatsApp's apps let one write. */
const maxName = 1_000;

/** Whoever deletes a label need not say how it was called. */
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

/** Who has a chat with a label is somebody whom the account knows; the number that belongs to the LID stands with the contacts. */
async function nameChat(sock: WASocket, lid: string, record: (change: Change) => Promise<void>): Promise<void> {
  try {
    const phone = await sock.signalRepository.lidMapping.getPNForLID(lid);
    if (phone) await record({ contacts: [{ jid: jidNormalizedUser(phone), lid }] });
  } catch {
    // The connection has ended; the chat is shown by its LID until somebody tells of the person.
  }
}
