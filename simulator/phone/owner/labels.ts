import { isGroupJid, PN_SERVER } from "../../wire/jid.ts";
import type { Phone } from "../phone.ts";

const COLLECTION = "regular";
const VERSION = 3;

/** What every business account begins with, in this order and with these colors. */
const PREDEFINED = ["New customer", "New order", "Pending payment", "Paid", "Order complete"] as const;

export type PhoneLabel = {
  /** A small number as text. */
  id: string;
  name: string;
  /** 0 to 19. */
  color: number;
  predefinedId: number | undefined;
  /** JIDs of the chats that carry it, as the app state spells them. */
  chats: string[];
};

/** The labels as the owner sees them. */
export function labelsOf(phone: Phone): PhoneLabel[] {
  const chats = (id: string): string[] =>
    phone.appState.entries.flatMap(({ index: [kind, label, chat], value }) =>
      kind === "label_jid" && label === id && chat && value.labelAssociationAction?.labeled ? [chat] : [],
    );
  return phone.appState.entries.flatMap(({ index: [kind, id], value }) => {
    const edit = value.labelEditAction;
    if (kind !== "label_edit" || !id || !edit || edit.deleted) return [];
    const { name, color, predefinedId } = edit;
    return { id, name: name ?? "", color: color ?? 0, predefinedId: predefinedId ?? undefined, chats: chats(id) };
  });
}

/** Makes a label under the next id, which no label has had before. @returns the id. */
export function createLabel(phone: Phone, name: string, color = 0): string {
  phone.appState.pull(COLLECTION);
  const taken = phone.appState.entries.flatMap(({ index: [kind, id] }) => (kind === "label_edit" ? Number(id) : []));
  const id = String(Math.max(0, ...taken) + 1);
  write(phone, id, { name, color });
  return id;
}

/** @throws when the phone has no such label. */
export function changeLabel(phone: Phone, id: string, change: { name?: string; color?: number }): void {
  const { name, color, predefinedId } = find(phone, id);
  write(phone, id, { name, color, ...change, ...(predefinedId !== undefined && { predefinedId }) });
}

/** @throws when the phone has no such label. */
export function deleteLabel(phone: Phone, id: string): void {
  const { name, color, predefinedId } = find(phone, id);
  write(phone, id, { name, color, deleted: true, ...(predefinedId !== undefined && { predefinedId }) });
}

/**
 * Puts a label on a chat or takes it off.
 * @param chat digits, a JID or a group's JID, which the app state will have as it is given here
 */
export function labelChat(phone: Phone, id: string, chat: string, labeled = true): void {
  find(phone, id);
  const jid = chat.includes("@") ? chat : `${chat}@${PN_SERVER}`;
  if (isGroupJid(jid) ? !phone.world.groups.has(jid) : !phone.world.accountOf(jid)) {
    throw new Error(`${chat} is not on WhatsApp`);
  }
  phone.appState.set(COLLECTION, ["label_jid", id, jid], { labelAssociationAction: { labeled } }, VERSION);
}

/** What a business account has from the beginning. */
export function beginWithLabels(phone: Phone): void {
  for (const [index, name] of PREDEFINED.entries()) {
    write(phone, String(index + 1), { name, color: index, predefinedId: index + 1 });
  }
}

function find(phone: Phone, id: string): PhoneLabel {
  const found = labelsOf(phone).find((label) => label.id === id);
  if (!found) throw new Error(`the phone has no label ${id}`);
  return found;
}

function write(
  phone: Phone,
  id: string,
  label: { name: string; color: number; predefinedId?: number; deleted?: boolean },
): void {
  const labelEditAction = { deleted: false, ...label };
  phone.appState.set(COLLECTION, ["label_edit", id], { labelEditAction }, VERSION);
}
