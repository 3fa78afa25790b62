import { findLid } from "../contact/index.ts";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import type { Instance } from "../instance/index.ts";
import { chatJid } from "../message/history.ts";

export interface Label {
  /** WhatsApp's id: a small number as text. */
  id: string;
  name: string;
  /** 0 to 19, an index into WhatsApp's list of colors. */
  color: number;
  /** The id of a label that every business account starts with. */
  predefinedId: string | null;
}

export interface LabeledChat {
  /** JID: the phone number if known, else the LID; `…@g.us` for groups. */
  id: string;
  /** The best name known: address book or group subject, business name, push name, or phone number; else the JID. */
  name: string;
  isGroup: boolean;
}

/** The error for accounts without labels. The session host throws it too, for the account that is linked now. */
export const noBusiness = () =>
  new AppError("not_a_business", "only WhatsApp Business accounts have labels, and this account is not one");

/** Throws `not_a_business`, and `instance_not_connected` until an account has been linked. */
export function assertBusiness(instance: Pick<Instance, "business" | "status">): void {
  if (instance.business) return;
  if (instance.business === false) throw noBusiness();
  throw new AppError("instance_not_connected", "link an account first: only WhatsApp Business accounts have labels", {
    data: { status: instance.status },
  });
}

/** Lists the labels of an account, as last reported, in WhatsApp's order. */
export async function readLabels(db: Database, instanceId: string): Promise<Label[]> {
  return await db.sql<Label[]>`
    select ${columns(db)} from labels where instance_id = ${instanceId} and deleted_at is null ${inOrder(db)}`;
}

/** Throws `label_not_found`. */
export async function findLabel(db: Database, instanceId: string, labelId: string): Promise<Label> {
  // Postgres rejects some text that is not a number, such as NUL.
  const [label] = /^[!-~]{1,64}$/.test(labelId)
    ? await db.sql<Label[]>`
        select ${columns(db)} from labels
        where instance_id = ${instanceId} and label_id = ${labelId} and deleted_at is null`
    : [];
  if (!label) throw new AppError("label_not_found", `the label ${labelId} does not exist`);
  return label;
}

/**
 * Returns the labels of a chat, which can be given in any common notation. Throws `invalid_request` if `chat` names no
 * chat.
 */
export async function readChatLabels(
  db: Database,
  instanceId: string,
  chat: string,
): Promise<{ chatId: string; labels: Label[] }> {
  const jid = chatJid(chat);
  const pair = await findLid(db, instanceId, jid);
  const labels = await db.sql<Label[]>`
    select ${columns(db)} from labels where instance_id = ${instanceId} and deleted_at is null
      and label_id in (select label_id from label_targets where instance_id = ${instanceId}
        and chat_id = any(${pair ? [pair.jid, pair.lid] : [jid]}::text[]) and message_id = '')
    ${inOrder(db)}`;
  return { chatId: pair?.jid ?? jid, labels };
}

/** Lists the chats that have a label, by name. Throws `label_not_found`. */
export async function readLabeledChats(db: Database, instanceId: string, labelId: string): Promise<LabeledChat[]> {
  await findLabel(db, instanceId, labelId);
  return await db.sql<LabeledChat[]>`
    select id, name, id like '%@g.us' as "isGroup" from (
      select distinct on (coalesce(known.jid, chat_id)) coalesce(known.jid, chat_id) as id,
        coalesce(known.name, known.business_name, known.push_name,
          case when coalesce(known.jid, chat_id) like '%@s.whatsapp.net' then split_part(coalesce(known.jid, chat_id), '@', 1)
            else coalesce(known.jid, chat_id) end) as name
      from label_targets left join lateral (
        select jid, name, business_name, push_name from contacts
        where instance_id = ${instanceId} and (jid = chat_id or lid = chat_id)
        order by jid = chat_id desc limit 1) known on true
      where label_targets.instance_id = ${instanceId} and label_id = ${labelId} and message_id = ''
    ) chats order by lower(name) collate "und-x-icu", id`;
}

const columns = ({ sql }: Database) => sql`label_id as id, name, color, predefined_id as "predefinedId"`;
/** Label ids are numbers stored as text. This expression sorts the ids as numbers. */
const inOrder = ({ sql }: Database) => sql`order by length(label_id), label_id`;
