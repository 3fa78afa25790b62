import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { removeContact, saveContact } from "../../../simulator/phone/owner/contacts.ts";
import { changeSubject } from "../../../simulator/stanza/group/settings.ts";
import { proto } from "../../../simulator/wire/baileys.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { type RestClient, restClient } from "../../support/gateway/rest-client.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { until } from "../../support/until.ts";

const number = (index: number) => `49155500010${String(index).padStart(2, "0")}`;

interface Contact {
  id: string;
  name: string;
  number: string;
  isGroup: boolean;
  lid: string | null;
  pushName: string | null;
  businessName: string | null;
}

let gate: TestGateway;
let owner: Phone;
let bob: Phone;
let carol: Phone;
let dave: Phone;
let shop: Phone;
let client: RestClient;
let crewGroup: ReturnType<Phone["createGroup"]>;

beforeAll(async () => {
  gate = await startTestGateway();
  const add = (index: number, pushName: string, options = {}) =>
    gate.wa.addPhone({ number: number(index), pushName, ...options });
  bob = await add(1, "Bob");
  carol = await add(2, "Carol");
  dave = await add(3, "Dave");
  shop = await add(4, "Shop on the corner", { business: { name: "Corner Shop Ltd" } });
  const talk = [{ text: "long ago", timestamp: 1_700_000_000 }];
  owner = await add(0, "Owner", {
    history: [
      { with: bob.number, messages: talk },
      { with: carol.number, name: "Carol of old", messages: talk },
    ],
  });
  saveContact(owner, dave.number, "Dave Address");
  crewGroup = bob.createGroup("Crew", [owner.number, carol.number]);
  client = restClient(gate, "multi-instance", await gate.linked(owner));
}, 120_000);
afterAll(async () => {
  await gate?.stop();
});

const path = (rest = "contacts") => `/api/whatsapp/${client.instance}/${rest}`;

async function list(query = ""): Promise<Contact[]> {
  const { status, body } = await gate.api("GET", path(`contacts${query}`));
  expect(status).toBe(200);
  return body.contacts;
}

/** Waits until the contact has these values, and returns it. */
const contactWith = (id: string, expected: Partial<Contact>): Promise<Contact> =>
  until(async () => {
    const contact = (await list()).find((one) => one.id === id);
    const fits =
      contact && Object.entries(expected).every(([field, value]) => contact[field as keyof Contact] === value);
    return fits ? contact : undefined;
  });

const withoutContact = (id: string) =>
  until(async () => ((await list()).some((one) => one.id === id) ? undefined : true));

describe("names of contacts", () => {
  test("contacts have the names of the address book from before linking", async () => {
    expect(await contactWith(dave.jid, { name: "Dave Address" })).toEqual({
      id: dave.jid,
      name: "Dave Address",
      number: dave.number,
      isGroup: false,
      lid: dave.lidJid,
      pushName: null,
      businessName: null,
    });
  });

  test("contacts have the chat names and push names of the history, with number and LID", async () => {
    await contactWith(carol.jid, { name: "Carol of old", pushName: "Carol", lid: carol.lidJid });
    await contactWith(bob.jid, { name: "Bob", pushName: "Bob", lid: bob.lidJid });
  });

  test("contacts have the push name of their messages, or the verified name of a business", async () => {
    await client.reported("received", (await shop.sendText(owner.number, "open all night")).id);
    await contactWith(shop.jid, {
      name: "Corner Shop Ltd",
      pushName: "Shop on the corner",
      businessName: "Corner Shop Ltd",
      lid: shop.lidJid,
    });
    dave.setPushName("Dave the Great");
    await client.reported("received", (await dave.sendText(owner.number, "I have a new name")).id);
    await contactWith(dave.jid, { name: "Dave Address", pushName: "Dave the Great" });
  });

  test("senders of group messages become contacts", async () => {
    const zoe = await gate.wa.addPhone({ number: number(5), pushName: "Zoë 🦓" });
    const group = zoe.createGroup("Zoo", [owner.number]);
    await zoe.sendText(group.jid, "hello all");
    await contactWith(zoe.jid, { name: "Zoë 🦓", lid: zoe.lidJid });
    await contactWith(group.jid, { name: "Zoo", isGroup: true });
    zoe.leaveGroup(group.jid);
  });

  test("a changed address book name has priority, and a contact whose address book name is removed gets one of its other names", async () => {
    saveContact(owner, carol.number, "Carol New");
    await contactWith(carol.jid, { name: "Carol New", pushName: "Carol" });
    saveContact(owner, shop.number, "Where I buy bread");
    await contactWith(shop.jid, { name: "Where I buy bread", businessName: "Corner Shop Ltd" });
    removeContact(owner, shop.number);
    await contactWith(shop.jid, { name: "Corner Shop Ltd", pushName: "Shop on the corner" });
    removeContact(owner, carol.number);
    await contactWith(carol.jid, { name: "Carol" });
  });

  test("a name that Postgres cannot store is repaired, and a long name is truncated", async () => {
    const odd = await gate.wa.addPhone({ number: number(6), pushName: "odd\u0000name" });
    const { id } = await odd.sendText(owner.number, "who am I?");
    await client.reported("received", id);
    saveContact(owner, dave.number, `\uD83D${"long ".repeat(2_000)}`);
    const { name } = await until(async () =>
      (await list()).find((one) => one.id === dave.jid && /long/.test(one.name)),
    );
    expect(name.length).toBeLessThanOrEqual(256);
    expect(name.isWellFormed()).toBe(true);
    expect((await contactWith(odd.jid, {})).name.isWellFormed()).toBe(true);
    saveContact(owner, dave.number, "Dave Address");
    await contactWith(dave.jid, { name: "Dave Address" });
  });

  test.each<[string, () => void]>([
    ["a damaged change", () => gate.wa.device(owner.number).faults.appState.add(true)],
    ["a change with a key that the phone has not shared", () => void owner.appState.rotateKey()],
  ])("a name is up to date after %s", async (what, damage) => {
    damage();
    saveContact(owner, dave.number, `Dave after ${what}`);
    await contactWith(dave.jid, { name: `Dave after ${what}` });
  });

  test("the phone is asked once for a missing key, and an old key does not replace the newest one", async () => {
    const { sync, appState, devices } = owner;
    const [device] = devices;
    if (!device) throw new Error("the owner has no linked device");
    sync.answersKeyRequests = false;
    const requests = sync.keyRequests.length;
    const missing = appState.rotateKey();
    saveContact(owner, dave.number, "Dave under a missing key");
    await until(async () => sync.keyRequests.length > requests || undefined);
    const newest = appState.rotateKey();
    await sync.share(device, [newest]);
    await sync.share(device, [missing]);
    await contactWith(dave.jid, { name: "Dave under a missing key" });
    saveContact(owner, dave.number, "Dave Address");
    await contactWith(dave.jid, { name: "Dave Address" });
    sync.answersKeyRequests = true;
    expect(sync.keyRequests.slice(requests)).toEqual([missing.id.toString("base64")]);
    const renamed = await gate.api("PUT", `/api/profile/${client.instance}/name`, { body: { name: "Renamed" } });
    expect(renamed.status).toBe(200);
    await until(async () => owner.account.pushName === "Renamed" || undefined);
    const last = owner.account.appState.get("critical_block")?.at(-1) ?? Buffer.alloc(0);
    expect(Buffer.from(proto.SyncdPatch.decode(last).keyId?.id ?? [])).toEqual(newest.id);
  });
});

describe("groups", () => {
  test("groups from before linking are contacts with their subject and the digits of their id", async () => {
    expect(await contactWith(crewGroup.jid, { name: "Crew" })).toEqual({
      id: crewGroup.jid,
      name: "Crew",
      number: crewGroup.id,
      isGroup: true,
      lid: null,
      pushName: null,
      businessName: null,
    });
  });

  test("the contacts follow groups that are created, renamed, left and joined again", async () => {
    const group = carol.createGroup("Plans", [owner.number, bob.number]);
    await contactWith(group.jid, { name: "Plans" });
    changeSubject(gate.wa.world, bob.account, group, "Better plans");
    await contactWith(group.jid, { name: "Better plans" });
    owner.leaveGroup(group.jid);
    await withoutContact(group.jid);
    owner.followInvite(group.inviteCode);
    await contactWith(group.jid, { name: "Better plans", isGroup: true });
  });
});

describe("number and LID of one person", () => {
  const rows = (lid: string) =>
    gate.db.sql`select jid, lid, name, push_name from contacts where instance_id = ${client.instance} and lid = ${lid}`;

  test("a contact known by number gets its LID later and stays one contact", async () => {
    const mia = await gate.wa.addPhone({ number: number(10), pushName: "Mia" });
    owner.appState.set(
      "critical_unblock_low",
      ["contact", mia.jid],
      { contactAction: { fullName: "Mia by number" } },
      2,
    );
    await contactWith(mia.jid, { name: "Mia by number", lid: null });
    await client.reported("received", (await mia.sendText(owner.number, "with my LID")).id);
    await contactWith(mia.jid, { name: "Mia by number", pushName: "Mia", lid: mia.lidJid });
    expect([...(await rows(mia.lidJid))]).toHaveLength(1);
  });

  test("a contact known by LID gets its number later and stays one contact", async () => {
    const max = await gate.wa.addPhone({ number: number(11), pushName: "Max" });
    owner.appState.set(
      "critical_unblock_low",
      ["lid_contact", max.lidJid],
      { lidContactAction: { fullName: "Max by LID" } },
      2,
    );
    expect(await contactWith(max.lidJid, { name: "Max by LID" })).toMatchObject({ number: "", lid: max.lidJid });
    await client.reported("received", (await max.sendText(owner.number, "with my number")).id);
    await contactWith(max.jid, { name: "Max by LID", pushName: "Max", lid: max.lidJid });
    await withoutContact(max.lidJid);
    expect([...(await rows(max.lidJid))]).toEqual([
      { jid: max.jid, lid: max.lidJid, name: "Max by LID", push_name: "Max" },
    ]);
  });

  test("a message from an unchanged contact does not write the contact to the database", async () => {
    await contactWith(bob.jid, { pushName: "Bob" });
    await client.reported("received", (await bob.sendText(owner.number, "once")).id);
    const at = async () =>
      (
        await gate.db
          .sql`select updated_at, xmin::text from contacts where instance_id = ${client.instance} and jid = ${bob.jid}`
      )[0];
    const before = await at();
    await client.reported("received", (await bob.sendText(owner.number, "twice")).id);
    expect(await at()).toEqual(before);
  });
});

describe("the list of contacts", () => {
  test("the list of contacts is ordered by name, and complete without a limit", async () => {
    const { body } = await gate.api("GET", path());
    expect(Object.keys(body)).toEqual(["contacts"]);
    const names = body.contacts.map((one: Contact) => one.name.toLowerCase());
    expect(names).toEqual(names.toSorted((a: string, b: string) => a.localeCompare(b, "en")));
    expect(body.contacts.length).toBeGreaterThan(6);
  });

  test("the list of contacts has pages", async () => {
    const all = await list();
    const { body } = await gate.api("GET", path("contacts?limit=2&skip=1"));
    expect(body).toEqual({
      contacts: all.slice(1, 3),
      pagination: { total: all.length, limit: 2, skip: 1, hasMore: true },
    });
    expect(await list("?skip=3")).toEqual(all.slice(3));
  });

  test.each([
    ["a part of the name", "ADDRESS", () => [dave.jid]],
    ["a part of the push name", "the great", () => [dave.jid]],
    ["a part of the number", number(3).slice(-6), () => [dave.jid]],
    ["the number as people write it", `+${number(3).slice(0, 2)} ${number(3).slice(2)}`, () => [dave.jid]],
    ["what would be a pattern", "%", () => []],
  ])("the list is searched by %s", async (_what, search, expected) => {
    expect((await list(`?search=${encodeURIComponent(search)}`)).map((one) => one.id)).toEqual(expected());
  });

  test.each(["limit=0", "limit=x", "skip=-1", "limit=1001"])(
    "a request for the list with %s is rejected",
    async (query) => {
      expect((await gate.api("GET", path(`contacts?${query}`))).status).toBe(400);
    },
  );

  test("a contact is found by number, JID and LID", async () => {
    const [contact] = await list(`?search=${dave.number}`);
    for (const id of [dave.number, `+${dave.number}`, dave.jid, dave.lidJid]) {
      const { status, body } = await gate.api("GET", path(`contacts/${encodeURIComponent(id)}`));
      expect({ status, body }).toEqual({ status: 200, body: contact });
    }
    for (const id of ["4915559999998", "nobody"]) {
      expect(await gate.api("GET", path(`contacts/${id}`))).toMatchObject({
        status: 404,
        body: { code: "contact_not_found" },
      });
    }
  });
});

describe("checking numbers", () => {
  const nobody = number(90);

  test("a check of one or many numbers says which of them are on WhatsApp, in the requested order", async () => {
    const there = { phone: bob.number, exists: true, jid: bob.jid, lid: bob.lidJid };
    const absent = { phone: nobody, exists: false, jid: null, lid: null };
    expect(await gate.api("GET", path(`check/${bob.number}`))).toMatchObject({ status: 200, body: there });
    expect((await gate.api("GET", path(`check/${encodeURIComponent(`+${nobody}`)}`))).body).toEqual(absent);
    const { status, body } = await gate.api("POST", path("check"), {
      body: { phones: [nobody, `+${bob.number}`, nobody] },
    });
    expect({ status, body }).toEqual({ status: 200, body: { numbers: [absent, there, absent] } });
  });

  test("a check rejects an invalid number, no number, and too many numbers", async () => {
    for (const phone of ["abc", encodeURIComponent(crewGroup.jid), encodeURIComponent(bob.lidJid)]) {
      expect(await gate.api("GET", path(`check/${phone}`))).toMatchObject({
        status: 400,
        body: { code: "invalid_request" },
      });
    }
    for (const phones of [[], ["x"], Array.from({ length: 51 }, (_, index) => number(index)), undefined]) {
      expect((await gate.api("POST", path("check"), { body: { phones } })).status).toBe(400);
    }
  });

  test("the first message to a number that is not on WhatsApp fails, and later ones are rejected until a check finds the number", async () => {
    const absent = number(91);
    const send = () => gate.api("POST", path("send"), { body: { phone: absent, message: "hello?" } });
    const first = await send();
    expect(first.status).toBe(200);
    expect((await client.reported("failed", first.body.id)).body.data.error.code).toBe("recipient_not_on_whatsapp");
    expect(await send()).toMatchObject({ status: 400, body: { code: "recipient_not_on_whatsapp" } });
    const late = await gate.wa.addPhone({ number: absent, pushName: "Late" });
    expect((await send()).status).toBe(400);
    expect((await gate.api("GET", path(`check/${absent}`))).body).toMatchObject({ exists: true, jid: late.jid });
    const { status, body } = await send();
    expect(status).toBe(200);
    await late.waitFor((message) => message.id === body.id);
  });

  test("messages to a number that a check did not find are rejected for an hour, or until a message from that number arrives", async () => {
    const absent = number(92);
    const send = (index: number) =>
      gate.api("POST", path("send"), { body: { phone: number(index), message: "hello?" } });
    await gate.api("POST", path("check"), { body: { phones: [absent, number(93)] } });
    expect((await send(92)).status).toBe(400);
    await gate.db
      .sql`update unknown_numbers set checked_at = checked_at - interval '61 minutes' where jid like ${`${absent}@%`}`;
    const { status, body } = await send(92);
    expect(status).toBe(200);
    await client.reported("failed", body.id);
    expect((await send(92)).status).toBe(400);
    expect((await send(93)).status).toBe(400);
    const joined = await gate.wa.addPhone({ number: number(93), pushName: "Joined" });
    await client.reported("received", (await joined.sendText(owner.number, "I am here now")).id);
    expect((await send(93)).status).toBe(200);
  });
});

test("a request for contacts gets 403 for another user's instance and 401 without credentials", async () => {
  const user = await gate.api("POST", "/api/users", {
    body: { email: "stranger@example.com", password: "a long password" },
  });
  expect(user.status).toBeLessThan(300);
  const login = await gate.api("POST", "/api/auth/login", {
    body: { email: "stranger@example.com", password: "a long password" },
    key: null,
  });
  const headers = { authorization: `Bearer ${login.body.token}` };
  const requests = [
    ["GET", "contacts", undefined],
    ["GET", `contacts/${bob.number}`, undefined],
    ["GET", `check/${bob.number}`, undefined],
    ["POST", "check", { phones: [bob.number] }],
  ] as const;
  for (const [method, what, body] of requests) {
    expect((await gate.api(method, path(what), { body, key: null, headers })).status).toBe(403);
    expect((await gate.api(method, path(what), { body, key: null })).status).toBe(401);
  }
});

test("contacts survive a restart and are readable after a logout, after which a check gets 409", async () => {
  const before = await list();
  owner.leaveGroup(crewGroup.jid);
  await withoutContact(crewGroup.jid);
  await gate.restart();
  await gate.status(client.instance, "connected");
  const after = before.filter((one) => one.id !== crewGroup.jid);
  expect(await list()).toEqual(after);
  await client.reported("received", (await carol.sendText(owner.number, "still here?")).id);
  expect(await list()).toEqual(after);
  await client.request("POST", "logout");
  await gate.status(client.instance, "logged_out");
  expect(await list()).toEqual(after);
  for (const [method, what, body] of [
    ["GET", `check/${bob.number}`, undefined],
    ["POST", "check", { phones: [bob.number] }],
  ] as const) {
    expect(await gate.api(method, path(what), { body })).toMatchObject({
      status: 409,
      body: { code: "instance_not_connected" },
    });
  }
});

test("linking another account drops the previous account's contacts", async () => {
  await gate.api("POST", `/api/instances/${client.instance}/reconnect`);
  const next = await gate.wa.addPhone({ number: number(20), pushName: "Next owner" });
  await next.scanQr(await gate.qr(client.instance));
  await gate.status(client.instance, "connected");
  expect(await list()).toEqual([]);
});

test("WhatsApp and the phones report no error", () => {
  expectNoComplaints(gate.wa);
});
