import { EventEmitter } from "node:events";
import type { BinaryNode, GroupMetadata, WASocket } from "@whiskeysockets/baileys";
import { beforeEach, describe, expect, test } from "vitest";
import { GroupCache, sharedGroups } from "../../../session-host/baileys/send/group-cache.ts";

const group = "120363000000000001@g.us";
const [me, ann, ben, cid] = ["1@lid", "2@lid", "3@lid", "4@lid"];
const node = (tag: string, attrs: BinaryNode["attrs"] = {}, content: BinaryNode[] = []): BinaryNode => {
  return { tag, attrs, content };
};
const people = (...jids: string[]) => jids.map((jid) => node("participant", { jid }));

/** A socket whose answers and notifications the test decides. */
class Server {
  readonly ws = new EventEmitter();
  readonly user = { id: "491:5@s.whatsapp.net", lid: "1:5@lid" };
  members = [me, ann];
  queries = 0;
  /** Called before WhatsApp answers. */
  meanwhile = () => undefined as unknown;

  groupMetadata = async (id: string): Promise<GroupMetadata> => {
    this.queries++;
    const participants = this.members.map((jid) => ({ id: jid }));
    await this.meanwhile();
    return { id, owner: undefined, subject: "", addressingMode: "lid", participants } as unknown as GroupMetadata;
  };

  notify(content: BinaryNode[], attrs: BinaryNode["attrs"] = {}): void {
    this.ws.emit("CB:notification,type:w:gp2", node("notification", { from: group, ...attrs }, content));
  }
}

let server: Server;
let cache: GroupCache;
const membersOf = async () => (await cache.read(group)).participants.map(({ id }) => id);

beforeEach(async () => {
  server = new Server();
  cache = new GroupCache(() => server as unknown as WASocket, sharedGroups());
  cache.listen(server as unknown as WASocket);
  await cache.read(group);
});

describe("a cached group", () => {
  test.each<[string, BinaryNode[], string[]]>([
    ["a new member", [node("add", {}, people(ben))], [me, ann, ben]],
    ["a member who is reported twice", [node("add", {}, people(ann)), node("add", {}, people(ben))], [me, ann, ben]],
    ["a removed member", [node("remove", {}, people(ann))], [me]],
    ["a new admin", [node("promote", {}, people(ann))], [me, ann]],
    ["a new subject", [node("subject", { subject: "x" })], [me, ann]],
    ["a new timer", [node("ephemeral", { expiration: "86400" })], [me, ann]],
  ])("follows %s without a query", async (_name, content, expected) => {
    server.notify(content, { addressing_mode: "lid" });
    expect(await membersOf()).toEqual(expected);
    expect(server.queries).toBe(1);
  });

  test.each<[string, BinaryNode[], BinaryNode["attrs"]]>([
    ["a change from the time before the connection", [node("add", {}, people(ben))], { offline: "0" }],
    ["another addressing", [node("add", {}, people(ben))], { addressing_mode: "pn" }],
    ["an unknown change", [node("modify", {}, people(ben))], {}],
    ["the removal of the account itself", [node("remove", {}, people("1@lid"))], {}],
    ["a known change with an unknown one", [node("add", {}, people(ben)), node("link")], {}],
  ])("is read again after %s", async (_name, content, attrs) => {
    server.notify(content, attrs);
    server.members = [me, cid];
    expect(await membersOf()).toEqual([me, cid]);
    expect(server.queries).toBe(2);
  });

  test("is read again after WhatsApp asks for it, and on the next connection", async () => {
    server.ws.emit("CB:ib,,dirty", node("ib"));
    await cache.read(group);
    cache.clear();
    await cache.read(group);
    expect(server.queries).toBe(3);
  });

  test("is not the one of another connection", async () => {
    const shared = sharedGroups();
    const [one, other] = [0, 1].map(() => new GroupCache(() => server as unknown as WASocket, shared));
    await one?.read(group);
    await other?.read(group);
    expect(server.queries).toBe(3);
  });

  test("has the timer of the last notification", async () => {
    server.notify([node("ephemeral", { expiration: "604800" })]);
    expect((await cache.read(group)).ephemeralDuration).toBe(604_800);
    server.notify([node("not_ephemeral")]);
    expect((await cache.read(group)).ephemeralDuration).toBeUndefined();
  });
});

test("an answer that may be older than a notification is not cached", async () => {
  cache.drop(group);
  server.meanwhile = () => {
    server.members = [me, ben];
    server.notify([node("remove", {}, people(ann)), node("add", {}, people(ben))]);
  };
  await cache.read(group);
  server.meanwhile = () => undefined;
  expect(await membersOf()).toEqual([me, ben]);
});

test("the groups of all connections together have a limited number of members", async () => {
  const shared = sharedGroups();
  const many = new GroupCache(() => server as unknown as WASocket, shared);
  server.members = Array.from({ length: 1_000 }, (_, index) => `${index + 1}@lid`);
  for (let index = 0; index < 150; index++) await many.read(`${index}@g.us`);
  expect(shared.calculatedSize).toBeLessThanOrEqual(100_000);
  expect(shared.size).toBeGreaterThan(90);
});
