import { EventEmitter } from "node:events";
import type { AuthenticationCreds, BinaryNode, CacheStore, USyncQuery, WASocket } from "@whiskeysockets/baileys";
import { beforeEach, describe, expect, test } from "vitest";
import { Addressing } from "../../../session-host/baileys/address/addressing.ts";
import type { KeyStore } from "../../../session-host/baileys/key-store.ts";
import { Devices } from "../../../session-host/baileys/send/devices.ts";
import { sharedGroups } from "../../../session-host/baileys/send/group-cache.ts";
import { Recipients } from "../../../session-host/baileys/send/recipients.ts";
import { openSessions } from "../../../session-host/baileys/send/sessions.ts";
import { resolveRecipient } from "../../../session-host/executors/message.ts";

const [bob, carol] = ["4915550000002@s.whatsapp.net", "4915550000003@s.whatsapp.net"] as const;
const [bobLid, carolLid] = ["2@lid", "3@lid"] as const;
const node = (tag: string, attrs: BinaryNode["attrs"] = {}, content: BinaryNode[] = []): BinaryNode => {
  return { tag, attrs, content };
};
const answer = (...users: BinaryNode[]) =>
  node("iq", { type: "result" }, [node("usync", {}, [node("list", {}, users)])]);
const devices = (jid: string, ...ids: number[]) => {
  const list = ids.map((id) => node("device", { id: String(id), "key-index": String(id) }));
  return node("user", { jid }, [node("devices", {}, [node("device-list", {}, list)])]);
};
const silence = undefined;
const withoutList = node("iq", { type: "result" }, [node("usync")]);

/** A socket without sessions, except with the account's own phone. The test decides WhatsApp's answers. */
class Server {
  readonly ws = new EventEmitter();
  readonly user = { id: "491:5@s.whatsapp.net", lid: "1:5@lid" };
  /** What WhatsApp answers to queries about people. */
  people: BinaryNode | undefined = answer();
  /** What WhatsApp answers to requests for the keys of devices. */
  keys: BinaryNode | undefined;
  asked = 0;
  /** Called while the pairs of an answer are stored. */
  meanwhile = () => undefined as unknown;
  readonly authState = { keys: { get: async () => ({}), set: async () => undefined } };
  readonly signalRepository = {
    validateSession: async (jid: string) => ({ exists: jid === "1:0@lid" }),
    lidMapping: {
      getLIDForPN: async () => null,
      getLIDsForPNs: async () => null,
      getPNForLID: async () => null,
      storeLIDPNMappings: async () => undefined,
    },
  };
  readonly store = { keys: { transaction: async () => this.meanwhile() } } as unknown as KeyStore;

  query = async () => this.keys;
  executeUSyncQuery = async (query: USyncQuery) => {
    this.asked++;
    return query.parseUSyncQueryResult(this.people);
  };

  get sock(): WASocket {
    return this as unknown as WASocket;
  }
}

function cacheOf(): CacheStore {
  const entries = new Map<string, unknown>();
  return {
    get: <T>(key: string) => entries.get(key) as T | undefined,
    set: (key, value) => void entries.set(key, value),
    del: (key) => void entries.delete(key),
    flushAll: () => entries.clear(),
  };
}

let server: Server;
let found: Devices;

beforeEach(() => {
  server = new Server();
  found = new Devices({ socket: () => server.sock, store: server.store, cache: cacheOf() });
  found.listen(server.sock);
});

function addressing(): Addressing {
  const creds = { me: server.user } as unknown as AuthenticationCreds;
  return new Addressing({ setting: "lid", creds, sock: () => server.sock, save: () => undefined });
}

describe.each([
  ["no answer", silence],
  ["an answer without a list", withoutList],
])("%s", (_name, missing) => {
  test("does not mean that a number is not on WhatsApp", async () => {
    server.people = missing;
    await expect(resolveRecipient(server.sock, bob)).rejects.toThrow("WhatsApp did not answer");
  });

  test("does not mean that people have no LID", async () => {
    server.people = missing;
    await expect(addressing().audience([bob])).rejects.toThrow("WhatsApp did not answer");
  });

  test("does not mean that people have no devices", async () => {
    server.people = missing;
    await expect(found.of([bobLid])).rejects.toThrow("WhatsApp did not answer");
  });

  test("does not mean that devices no longer exist", async () => {
    server.keys = missing;
    await expect(openSessions(server.sock, server.store, ["2:0@lid"])).rejects.toThrow("WhatsApp did not answer");
  });
});

test("a number is not on WhatsApp if WhatsApp says so", async () => {
  server.people = answer(node("user", { jid: bob }, [node("contact", { type: "out" })]));
  await expect(resolveRecipient(server.sock, bob)).rejects.toMatchObject({ code: "recipient_not_on_whatsapp" });
});

test("people whose LID WhatsApp does not name are skipped, and the others are not", async () => {
  server.people = answer(node("user", { jid: bob }), node("user", { jid: carol }, [node("lid", { val: carolLid })]));
  expect(await addressing().audience([bob, carol])).toEqual({ to: [carolLid, "1@lid"], skipped: [bob] });
});

test("a message is not sent if none of the recipient's devices can get it", async () => {
  const recipients = new Recipients({
    socket: () => server.sock,
    store: server.store,
    devices: cacheOf(),
    groups: sharedGroups(),
  });
  server.people = answer(devices("1@lid", 0), devices(bobLid, 0));
  server.keys = node("iq", {}, [
    node("list", {}, [node("user", { jid: "2:0@lid" }, [node("error", { code: "404" })])]),
  ]);
  await expect(recipients.of({ to: bobLid, kind: "lid", names: new Map() })).rejects.toThrow("no device");
});

test("an error for one person does not keep the devices of the others from being found", async () => {
  const refused = node("user", { jid: bobLid }, [node("devices", {}, [node("error", { code: "500", text: "x" })])]);
  server.people = answer(refused, devices(carolLid, 0, 7));
  const lists = await found.of([bobLid, carolLid]);
  expect(lists.get("2")).toEqual([]);
  expect(lists.get("3")?.map(({ device }) => device)).toEqual([0, 7]);
});

test("a device that is linked while its person's list is stored is found by the next look-up", async () => {
  server.people = answer(
    node("user", { jid: bob }, [...(devices(bob, 0).content as BinaryNode[]), node("lid", { val: bobLid })]),
  );
  server.meanwhile = () => {
    const added = node("add", {}, [node("device", { jid: "4915550000002:5@s.whatsapp.net" })]);
    server.ws.emit("CB:notification,type:devices", node("notification", { from: bob, lid: bobLid }, [added]));
  };
  await found.of([bob]);
  server.people = answer(devices(bob, 0, 5));
  server.meanwhile = () => undefined;
  expect((await found.of([bob])).get("4915550000002")?.map(({ device }) => device)).toEqual([0, 5]);
  await found.of([bob]);
  expect(server.asked).toBe(2);
});
