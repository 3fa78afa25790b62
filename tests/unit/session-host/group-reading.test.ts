import { EventEmitter } from "node:events";
import type { WASocket } from "@whiskeysockets/baileys";
import { expect, test } from "vitest";
import { createLogger } from "../../../core/log.ts";
import { ContactSource } from "../../../session-host/inbound/contacts.ts";
import type { Change } from "../../../session-host/ledger/change.ts";

const crew = "120363000000000001@g.us";

test("a group that is announced during a full read is not treated as left", async () => {
  const recorded: Change[] = [];
  const contacts = new ContactSource({
    instanceId: "0198c5a0-0000-7000-8000-000000000001",
    log: createLogger("test", "silent"),
    me: () => ({ id: "4915550000001@s.whatsapp.net", lid: "900000000000011@lid" }),
    record: async (change) => {
      recorded.push(change);
    },
  });
  const ev = new EventEmitter();
  const answered = Promise.withResolvers<Record<string, never>>();
  const sock = {
    ev,
    signalRepository: { lidMapping: { getPNsForLIDs: async () => [] } },
    groupFetchAllParticipating: () => answered.promise,
  } as unknown as WASocket;
  contacts.listen(sock);
  const reading = contacts.readGroups(sock);
  await new Promise(setImmediate);
  // WhatsApp took the list before the group existed, and the list arrives after the announcement.
  ev.emit("groups.upsert", [{ id: crew, subject: "Crew" }]);
  answered.resolve({});
  expect(await reading).toBe(true);
  expect(recorded.flatMap((change) => change.contacts ?? [])).toEqual([{ jid: crew, name: "Crew" }]);
  expect(recorded.at(-1)?.groups).toEqual([crew]);
});
