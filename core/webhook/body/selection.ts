import { AppError } from "../../error.ts";
import { eventCatalog } from "../../event/catalog/index.ts";
import type { Dialect, WebhookFilters } from "../../instance/instance.sql.ts";
import { isGroupJid } from "../../message/recipient.ts";
import type { WebhookEvent } from "./event.ts";
import { gatewayBodies } from "./gateway.ts";
import { multiInstanceBodies } from "./multi-instance.ts";
import { eventName, eventTypesOf, isDocumented } from "./name.ts";

/** Which events are sent to an endpoint. */
export interface Selection {
  /** Event types. Null means `isDefault`. */
  events: readonly string[] | null;
  filters: Partial<WebhookFilters>;
}

const bodies: Record<Dialect, Record<string, unknown>> = {
  gateway: gatewayBodies,
  "multi-instance": multiInstanceBodies,
};

/** Whether the dialect has a webhook for this type of event. */
export const hasWebhook = (dialect: Dialect, type: string) => eventName(dialect, type) in bodies[dialect];

/** Whether events of this type are about messages, status posts, files, responses to a message, or the timer of a chat. */
export const isAboutMessages = (type: string) => /^(message|status|media|poll|chat)\.|^event\.answered$/.test(type);

/**
 * Further types that are on by default. Version 0.1 sent the first three; the last two of these report that something was
 * not stored or sent. A problem of the connection needs a person. The others come only if the instance imports its
 * history, or while sends wait because WhatsApp restricts the account or the user has paused them.
 */
const alsoDefault: readonly string[] = [
  ...["call.ended", "stanza.quarantined", "event.parked"],
  "connection.problem",
  ...["history.progress", "history.completed"],
  ...["instance.restricted", "instance.unrestricted", "instance.paused", "instance.resumed"],
];

/** Types of events that the Multi-Instance API sends only to endpoints that choose them. Receivers may not know them. */
const isOptional = (dialect: Dialect, type: string) =>
  dialect === "multi-instance" && /^(status|group|call)\./.test(type);

/** Whether an endpoint gets events of this type by default: those that its API documents, and those about messages. */
export const isDefault = (dialect: Dialect, type: string) =>
  isDocumented(dialect, type) || (!isOptional(dialect, type) && (isAboutMessages(type) || alsoDefault.includes(type)));

/** Whether an endpoint of an instance gets an event. */
export function isSelected(event: WebhookEvent, dialect: Dialect, { events, filters }: Selection): boolean {
  if (!(events ? events.includes(event.type) : isDefault(dialect, event.type))) return false;
  // Most endpoints have no filters.
  for (const _ in filters) return passes(event, filters);
  return true;
}

function passes(event: WebhookEvent, { groups, statuses, channels, ownMessages, chats }: Partial<WebhookFilters>) {
  const ids = chatIdsOf(event);
  if (groups === false && ids.some(isGroupJid)) return false;
  if (statuses === false && ids.includes("status@broadcast")) return false;
  if (channels === false && ids.some((id) => id.endsWith("@newsletter"))) return false;
  if (ownMessages === false && isOwn(event)) return false;
  // Events that belong to no chat, such as those of the connection, pass.
  if (ids.length === 0) return true;
  if (chats?.allow && !chats.allow.some((id) => ids.includes(id))) return false;
  return !chats?.deny?.some((id) => ids.includes(id));
}

/** Fields of event data that identify the chat or, in a chat with one person, the person. */
interface ChatFields {
  chatId?: unknown;
  groupId?: unknown;
  senderId?: unknown;
  senderLid?: unknown;
  by?: unknown;
  byLid?: unknown;
  from?: unknown;
  lid?: unknown;
}

/** Returns the ids of the chat that an event belongs to: one, or the phone number JID and the LID of a person. */
function chatIdsOf({ data }: WebhookEvent): string[] {
  const { chatId, groupId, senderId, senderLid, by, byLid, from, lid } = data as ChatFields;
  const chat = chatId ?? groupId ?? from;
  if (typeof chat !== "string") return [];
  const isPerson = /@(s\.whatsapp\.net|lid)$/.test(chat);
  if (!isPerson) return [chat];
  const lidOf = chat === senderId ? senderLid : chat === by ? byLid : chat === from ? lid : undefined;
  return typeof lidOf === "string" ? [chat, lidOf] : [chat];
}

/** Whether the account itself sent the message, or changed or answered one. */
function isOwn({ type, data }: WebhookEvent): boolean {
  return type === "message.sent" || (isAboutMessages(type) && "fromMe" in data && data.fromMe === true);
}

/** Returns the names of all events that have a webhook in one of these dialects, and their types. */
export const selectableNames = (some: readonly Dialect[]) => [
  ...new Set(
    some.flatMap((dialect) =>
      Object.keys(eventCatalog)
        .filter((type) => hasWebhook(dialect, type))
        .flatMap((type) => [eventName(dialect, type), type]),
    ),
  ),
];

/**
 * Returns the event types of names in either dialect's spelling. Throws `invalid_request` for a name that has no webhook in
 * any of these dialects.
 */
export function selectedTypes(some: readonly Dialect[], names: readonly string[]): string[] {
  const has = (type: string) => some.some((dialect) => hasWebhook(dialect, type));
  const unknown = names.filter((name) => !eventTypesOf(name).some(has));
  if (unknown.length > 0) {
    const known = selectableNames(some).join(", ");
    throw new AppError("invalid_request", `events: unknown: ${unknown.join(", ")}. The events are: ${known}`);
  }
  return [...new Set(names.flatMap(eventTypesOf).filter(has))];
}

/** Returns the names of event types in a dialect, or a type itself where the name also stands for missing types. */
export function namesOf(dialect: Dialect, types: readonly string[]): string[] {
  return [
    ...new Set(
      types.map((type) => {
        const name = eventName(dialect, type);
        return eventTypesOf(name).every((each) => types.includes(each)) ? name : type;
      }),
    ),
  ];
}
