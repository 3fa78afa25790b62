import { setImmediate as turn } from "node:timers/promises";
import { DEFAULT_CONNECTION_CONFIG, initAuthCreds, type SignalKeyStoreWithTransaction } from "@whiskeysockets/baileys";
import { expect, test } from "vitest";
import { createLogger } from "../../../core/log.ts";
import { boundLidCache, maxLidEntries } from "../../../session-host/baileys/address/lid-cache.ts";
import { type JournalingOptions, JournalingSignal } from "../../../session-host/baileys/signal.ts";

const people = 3_000;
const numberOf = (index: number) => `4915550${String(index).padStart(6, "0")}`;
const lidOf = (index: number) => `9${String(index).padStart(14, "0")}`;

/** Stores the pairs of a session in memory. */
function memory() {
  const stored = new Map<string, string>();
  const keys = {
    get: async (_type: string, ids: string[]) =>
      Object.fromEntries(ids.flatMap((id) => (stored.has(id) ? [[id, stored.get(id)]] : []))),
    set: async ({ "lid-mapping": pairs = {} }: { "lid-mapping"?: Record<string, string> }) => {
      for (const [id, value] of Object.entries(pairs)) stored.set(id, value);
    },
    isInTransaction: () => false,
    transaction: async (work: () => Promise<unknown>) => await work(),
  } as unknown as SignalKeyStoreWithTransaction;
  return { keys };
}

/** A LID store of Baileys with a bounded cache, and the queries that it makes. */
function lidStore() {
  const queried: string[] = [];
  const { keys } = memory();
  const { makeSignalRepository } = DEFAULT_CONNECTION_CONFIG;
  const repository = makeSignalRepository(
    { creds: initAuthCreds(), keys },
    createLogger("test", "silent"),
    async (jids) => {
      queried.push(...jids);
      return [];
    },
  );
  return { cache: boundLidCache(repository), lidMapping: repository.lidMapping, queried };
}

test("a session keeps a bounded number of pairs of LIDs and numbers, and finds all others in the key store", async () => {
  const { cache, lidMapping, queried } = lidStore();
  const pairs = Array.from({ length: people }, (_, index) => ({
    lid: `${lidOf(index)}@lid`,
    pn: `${numberOf(index)}@s.whatsapp.net`,
  }));
  await lidMapping.storeLIDPNMappings(pairs);
  expect(cache.size).toBe(maxLidEntries);
  const lids = await lidMapping.getLIDsForPNs(pairs.map(({ pn }) => pn));
  expect(lids?.map(({ lid }) => lid).sort()).toEqual(pairs.map(({ lid }) => lid).sort());
  const numbers = await lidMapping.getPNsForLIDs(pairs.map(({ lid }) => lid));
  expect(numbers).toHaveLength(people);
  expect([cache.size, queried]).toEqual([maxLidEntries, []]);
});

test("the repository of a session has the bounded cache", async () => {
  const { keys } = memory();
  const signal = new JournalingSignal({ store: { keys } } as unknown as JournalingOptions);
  const { lidMapping } = signal.makeRepository({ creds: initAuthCreds(), keys }, createLogger("test", "silent"));
  await lidMapping.storeLIDPNMappings(
    Array.from({ length: people }, (_, index) => ({
      lid: `${lidOf(index)}@lid`,
      pn: `${numberOf(index)}@s.whatsapp.net`,
    })),
  );
  await turn();
  const { mappingCache } = lidMapping as unknown as { mappingCache: { size: number } };
  expect(mappingCache.size).toBe(maxLidEntries);
});

test("a session keeps the pairs that it used last", async () => {
  const { cache, lidMapping } = lidStore();
  const pairs = Array.from({ length: people }, (_, index) => ({
    lid: `${lidOf(index)}@lid`,
    pn: `${numberOf(index)}@s.whatsapp.net`,
  }));
  await lidMapping.storeLIDPNMappings(pairs);
  await lidMapping.getLIDForPN(pairs[0]?.pn ?? "");
  expect([cache.get(`pn:${numberOf(0)}`), cache.get(`pn:${numberOf(people - 1)}`)]).toEqual([
    lidOf(0),
    lidOf(people - 1),
  ]);
  expect(cache.get(`pn:${numberOf(1)}`)).toBeUndefined();
});
