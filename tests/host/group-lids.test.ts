import { randomBytes } from "node:crypto";
import { EventEmitter } from "node:events";
import {
  type BinaryNode,
  Curve,
  DEFAULT_CONNECTION_CONFIG,
  initAuthCreds,
  type SignalRepositoryWithLIDStore,
  signedKeyPair,
  type WASocket,
} from "@whiskeysockets/baileys";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createVault } from "../../core/crypto/index.ts";
import { systemIds } from "../../core/id.ts";
import { createLogger } from "../../core/log.ts";
import { KeyStore } from "../../session-host/baileys/key-store.ts";
import { keepGroupLids, pairsIn } from "../../session-host/baileys/send/group-lids.ts";
import { Ledger } from "../../session-host/ledger/ledger.ts";
import { type ShardDatabase, startShardDatabase } from "../support/session-host/shard-database.ts";

const group = "120363000000000001@g.us";
const [pn, lid] = ["4915550000007@s.whatsapp.net", "900000000000007@lid"];
const member = (attrs: BinaryNode["attrs"]): BinaryNode => ({ tag: "participant", attrs });
const element = (tag: string, content: BinaryNode[], attrs: BinaryNode["attrs"] = {}): BinaryNode => {
  return { tag, attrs, content };
};

test.each<[string, BinaryNode]>([
  ["a group by LID", element("iq", [element("group", [member({ jid: lid, phone_number: pn })])])],
  ["a group by number", element("iq", [element("group", [member({ jid: pn, lid })])])],
  ["all groups", element("iq", [element("groups", [element("group", [member({ jid: lid, phone_number: pn })])])])],
  ["a creator", element("iq", [element("group", [], { creator: lid, creator_pn: pn })])],
  [
    "an author, with a device",
    element("notification", [], { participant: "900000000000007:3@lid", participant_pn: pn }),
  ],
])("reads the LID and number in %s", (_name, stanza) => {
  expect(pairsIn(stanza)).toEqual([{ lid, pn }]);
});

test("reads no pair without both JIDs, or with a malformed one", () => {
  const members = [
    ...[{ jid: lid }, { jid: pn }, { jid: lid, phone_number: "" }, { jid: lid, phone_number: "a b@s.whatsapp.net" }],
    ...[
      { jid: lid, phone_number: "4915550000007" },
      { jid: pn, lid: pn },
    ],
  ];
  expect(pairsIn(element("iq", [element("group", members.map(member))]))).toEqual([]);
});

describe("the stored pairs", () => {
  let database: ShardDatabase;
  let store: KeyStore;
  let repository: SignalRepositoryWithLIDStore;
  let ws: EventEmitter;
  let ledger: Ledger;

  beforeAll(async () => {
    database = await startShardDatabase();
    const { host, lease } = await database.takeLease();
    const none = () => undefined;
    const deps = { db: database.db, vault, ids: systemIds, log, host, lease, now: () => new Date() };
    ledger = new Ledger({ ...deps, onEvents: none, onReplies: none });
  });
  afterAll(() => database?.stop());

  const log = createLogger("test", "silent");
  const vault = createVault(new Map([[1, randomBytes(32)]]), 1);

  beforeEach(async () => {
    const { id: instanceId } = await database.createInstance();
    store = new KeyStore({
      ...{ db: database.db, vault, instanceId },
      record: (change) => void ledger.append(instanceId, change).then(() => store.noteDurable(change.keys ?? [])),
      fail(error) {
        throw error;
      },
    });
    const auth = { creds: initAuthCreds(), keys: store.keys };
    repository = DEFAULT_CONNECTION_CONFIG.makeSignalRepository(auth, log, undefined);
    ws = new EventEmitter();
    keepGroupLids({ ws, signalRepository: repository } as unknown as WASocket, store);
  });

  /** Reports members in WhatsApp's answer to a query, and waits until what they change is durable. */
  async function report(members: BinaryNode[]): Promise<void> {
    ws.emit("CB:iq,type:result", element("iq", [element("group", members)], { from: group }));
    // A transaction that begins now ends after the one of the members.
    for (let turn = 0; turn < 3; turn++) await store.keys.transaction(async () => undefined, "after");
    await ledger.drain();
  }

  test("are as many as a large group has members", async () => {
    const jids = Array.from({ length: 2_500 }, (_, index) => {
      const digits = String(index).padStart(5, "0");
      return { jid: `90000000${digits}@lid`, phone_number: `49155500${digits}@s.whatsapp.net` };
    });
    await report(jids.map(member));
    const pairs = await repository.lidMapping.getPNsForLIDs(jids.map(({ jid }) => jid));
    expect(pairs).toHaveLength(2_500);
    expect(await repository.lidMapping.getLIDForPN("4915550002499@s.whatsapp.net")).toBe("9000000002499@lid");
  });

  test("follow a member who changes the number and keeps the LID", async () => {
    await report([member({ jid: lid, phone_number: pn })]);
    expect(await repository.lidMapping.getPNForLID(lid)).toBe("4915550000007:0@s.whatsapp.net");
    await report([member({ jid: lid, phone_number: "4915550000008@s.whatsapp.net" })]);
    expect(await repository.lidMapping.getPNForLID(lid)).toBe("4915550000008:0@s.whatsapp.net");
  });

  test("move the session of the number to the LID, so that messages can still be decrypted", async () => {
    const [identity, prekey] = [Curve.generateKeyPair(), Curve.generateKeyPair()];
    const { keyPair, ...signed } = signedKeyPair(identity, 1);
    const prefixed = (key: Uint8Array) => Buffer.concat([Buffer.from([5]), key]);
    const session = {
      registrationId: 1,
      identityKey: prefixed(identity.public),
      signedPreKey: { ...signed, publicKey: prefixed(keyPair.public) },
      preKey: { keyId: 1, publicKey: prefixed(prekey.public) },
    };
    await repository.injectE2ESession({ jid: pn, session });
    await store.keys.set({ "device-list": { "4915550000007": ["0"] } });
    expect(await repository.validateSession(pn)).toMatchObject({ exists: true });
    await report([member({ jid: lid, phone_number: pn })]);
    expect(await repository.validateSession(lid)).toMatchObject({ exists: true });
    const addresses = ["4915550000007.0", "900000000000007_1.0"];
    expect(Object.keys(await store.keys.get("session", addresses))).toEqual(addresses.slice(1));
  });
});
