import { callAnswers } from "./write/call-answers.ts";
import { channels } from "./write/channels.ts";
import { chats, readMarks, readReports } from "./write/chats.ts";
import { commands } from "./write/commands.ts";
import { contacts, forgetContacts, numbers } from "./write/contacts.ts";
import { historyParts, historySteps } from "./write/history.ts";
import { activities, instance } from "./write/instance.ts";
import { forgetSession, keys, removeImport } from "./write/keys.ts";
import { labels } from "./write/labels.ts";
import { messages, messageUpdates, prepared } from "./write/messages.ts";
import { quarantine } from "./write/quarantine.ts";
import { marks, reactions } from "./write/reactions.ts";
import { acks, progress } from "./write/receipts.ts";
import { recipients } from "./write/recipients.ts";
import { responses } from "./write/responses.ts";
import { revisions } from "./write/revisions.ts";
import { groupTimers, timers } from "./write/timers.ts";
import { unarchivals } from "./write/unarchivals.ts";
import { phoneRequests, readable, unreadable } from "./write/unreadable.ts";
import { arrived, waiting } from "./write/waiting.ts";
import type { Field, RecordedChange, Writer } from "./writer.ts";

/** A writer that writes nothing, because `appendEvents` stores the events after all writers. */
const events = {
  independent: true as const,
  write: async () => undefined,
  events: ({ change }: RecordedChange) => change.events ?? [],
};

/**
 * The writer of each field of a change, or the name of the field whose writer also stores this one. The order is the
 * order of the events of a change, and the order in which the statements are sent.
 */
const writerOf = {
  keys,
  inbox: "keys",
  unreadable,
  readable,
  messages,
  phoneRequests,
  historyParts,
  historySteps,
  acks,
  progress,
  revisions,
  reactions,
  marks,
  waiting,
  arrived,
  responses,
  timers,
  groupTimers,
  prepared,
  recipients,
  commands,
  contacts,
  groups: "contacts",
  numbers,
  channels,
  labels,
  instance,
  messageUpdates,
  readMarks,
  callAnswers,
  readReports,
  unarchivals,
  chats,
  activities,
  quarantine,
  forgetContacts,
  removeImport,
  forgetSession,
  events,
} as const satisfies Record<Field, Writer | Field>;

const writers = (Object.entries(writerOf) as [Field, Writer | Field][]).flatMap(([field, writer]) =>
  typeof writer === "string" ? [] : [{ writer, fields: [field, ...(writer.also ?? [])] }],
);

/** Returns the writers of the fields that the changes have, in order. */
export function writersOf(changes: readonly RecordedChange[]): Writer[] {
  const present = new Set<string>();
  for (const { change } of changes)
    for (const [name, value] of Object.entries(change)) {
      // An empty list of groups says that the account is in no group.
      if (value === undefined || value === false || (name !== "groups" && Array.isArray(value) && value.length === 0))
        continue;
      const writer = writerOf[name as Field];
      present.add(typeof writer === "string" ? writer : name);
    }
  return writers.flatMap(({ writer, fields }) => (fields.some((field) => present.has(field)) ? [writer] : []));
}
