import { isGroupJid, toJid } from "../../wire/jid.ts";
import type { Phone } from "../phone.ts";

/**
 * Collection and format version of the entries. Source: `addLabel` and `addChatLabel` of `chatModificationToAppPatch` in
 * Baileys' Utils/chat-utils.ts.
 */
const COLLECTION = "regular";
const VERSION = 3;

/** The labels of a new business account. The id is the position counted from 1, the color is the position counted from 0. */
const PREDEFINED = ["New customer", "New order", "Pending payment", "Paid", "Order complete"] as const;

export type PhoneLabel = {
  /** A small number as text. */
  id: string;
  name: string;
  /** 0 to 19. */
  color: number;
  predefinedId: number | undefined;
  /** JIDs of the chats that have the label, as in the app state. */
  chats: string[];
};

/** Returns the labels that the phone shows. */
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

/** Creates a label. Returns its id, which no earlier label has had. */
export function createLabel(phone: Phone, name: string, color = 0): string {
  phone.appState.pull(COLLECTION);
  const taken = phone.appState.entries.flatMap(({ index: [kind, id] }) => (kind === "label_edit" ? Number(id) : []));
  const id = String(Math.max(0, ...taken) + 1);
  write(phone, id, { name, color });
  return id;
}

/** Changes a label. Throws if the phone does not have the label. */
export function changeLabel(phone: Phone, id: string, change: { name?: string; color?: number }): void {
  const { name, color, predefinedId } = find(phone, id);
  write(phone, id, { name, color, ...change, ...(predefinedId !== undefined && { predefinedId }) });
}

/** Deletes a label. Throws if the phone does not have the label. */
export function deleteLabel(phone: Phone, id: string): void {
  const { name, color, predefinedId } = find(phone, id);
  write(phone, id, { name, color, deleted: true, ...(predefinedId !== undefined && { predefinedId }) });
}

/**
 * Adds a label to a chat, or removes the label from the chat. Throws if the phone does not have the label or the chat
 * does not exist.
 * @param chat a phone number, or the JID of an account or group; the app state contains this JID as given
 */
export function labelChat(phone: Phone, id: string, chat: string, labeled = true): void {
  find(phone, id);
  const jid = toJid(chat);
  if (isGroupJid(jid) ? !phone.world.groups.has(jid) : !phone.world.accountOf(jid)) {
    throw new Error(`${chat} is not on WhatsApp`);
  }
  phone.appState.set(COLLECTION, ["label_jid", id, jid], { labelAssociationAction: { labeled } }, VERSION);
}

/** Creates the labels of a new business account. */
export function addPredefinedLabels(phone: Phone): void {
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
