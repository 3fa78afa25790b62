import type { Change } from "./change.ts";
import { channels } from "./write-channels.ts";
import { commands } from "./write-commands.ts";
import { contacts, forgetContacts, numbers } from "./write-contacts.ts";
import { activities, instance } from "./write-instance.ts";
import { forgetSession, inbox, keys } from "./write-keys.ts";
import { labels } from "./write-labels.ts";
import { messages, messageUpdates, prepared, readMarks } from "./write-messages.ts";
import { acks, progress, views } from "./write-receipts.ts";
import { responses } from "./write-responses.ts";
import { revisions } from "./write-revisions.ts";
import type { Recorded, Writer } from "./writer.ts";

/** The fields of a change that are stored. `correlationId` goes with the events. */
type Field = Exclude<keyof Change, "correlationId">;

/** `appendEvents` stores the events after all writers are done. */
const events = {
  write: async () => undefined,
  events: ({ change }: Recorded) => change.events ?? [],
};

/**
 * How each field of a change is stored: by a writer, or together with another field. The order is the order of a change's
 * events, and the order in which statements are sent.
 */
const writerOf = {
  keys,
  inbox,
  messages,
  acks,
  progress,
  views,
  revisions,
  responses,
  prepared,
  commands,
  contacts,
  groups: "contacts",
  numbers,
  channels,
  labels,
  instance,
  messageUpdates,
  readMarks,
  activities,
  forgetContacts,
  forgetSession,
  events,
} as const satisfies Record<Field, Writer | Field>;

export const writers: readonly Writer[] = Object.values(writerOf).filter((writer) => typeof writer !== "string");
