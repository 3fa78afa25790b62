import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { changeLabel, createLabel, deleteLabel, labelChat, labelsOf } from "../../../simulator/phone/owner/labels.ts";
import { child } from "../../../simulator/wire/node.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
/** A business account. */
let owner: Phone;
let bob: Phone;
let carol: Phone;
let id: string;
let personal: string;
let unlinked: string;

const predefined = ["New customer", "New order", "Pending payment", "Paid", "Order complete"];
const nobody = "4915550999999";

beforeAll(async () => {
  gate = await startTestGateway();
  bob = await gate.wa.addPhone({ number: "4915550400002", pushName: "Bob" });
  carol = await gate.wa.addPhone({ number: "4915550400003", pushName: "Carol" });
  // With a history, the first synchronization ends at once.
  const history = [bob, carol].map(({ number }) => ({
    with: number,
    messages: [{ text: "long ago", timestamp: 1_700_000_000 }],
  }));
  owner = await gate.wa.addPhone({ number: "4915550400001", pushName: "Shop", business: true, history });
  labelChat(owner, "4", bob.lidJid);
  const other = await gate.wa.addPhone({ number: "4915550400004", history });
  [id, personal, unlinked] = await Promise.all([
    gate.linked(owner, "gateway"),
    gate.linked(other, "gateway"),
    gate.createInstance("gateway"),
  ]);
  await until(async () => (await ask("GET")).body.data?.length === predefined.length || undefined, 60_000);
  // The names of people come with the history.
  await until(async () => {
    const { body } = await gate.api("GET", `/api/contacts/${id}/all`);
    return body.data?.some((contact: { name: string }) => contact.name === "Carol") || undefined;
  }, 60_000);
}, 120_000);
afterAll(async () => {
  expectNoComplaints(gate.wa);
  await gate?.stop();
});

const ask = (method: string, rest = "", body?: unknown, instance = id) =>
  gate.api(method, `/api/labels/${instance}${rest}`, body === undefined ? {} : { body });
const refused = (status: number, code: string) => ({ status, body: { success: false, code } });
const invalid = refused(400, "invalid_request");
const ok = (data: unknown) => ({ status: 200, body: { success: true, data } });

const create = async (name: string, color = 0): Promise<string> => {
  const answer = await ask("POST", "", { name, color });
  expect(answer).toMatchObject({ status: 201, body: { success: true, data: { name, color, predefinedId: null } } });
  return answer.body.data.id;
};
const names = async (rest = ""): Promise<string[]> => {
  const { data } = (await ask("GET", rest)).body;
  return (data.labels ?? data).map((label: { name: string }) => label.name);
};
/** Waits for a label on the owner's phone. */
const onPhone = (name: string) => until(async () => labelsOf(owner).find((label) => label.name === name));
const goneFromPhone = (name: string) =>
  until(async () => !labelsOf(owner).some((label) => label.name === name) || undefined).then(() => true);

test("the predefined labels and their chats are listed after the first synchronization", async () => {
  expect(await ask("GET")).toMatchObject(
    ok(predefined.map((name, i) => ({ id: `${i + 1}`, name, color: i, predefinedId: `${i + 1}` }))),
  );
  // The app state names the chat by its LID.
  const chats = await until(async () => {
    const { data } = (await ask("GET", "/4/chats")).body;
    return data.some((chat: { id: string }) => chat.id === bob.jid) ? data : undefined;
  });
  expect(chats).toMatchObject([{ id: bob.jid, isGroup: false }]);
  expect(await ask("GET", `/chats/${bob.number}`)).toMatchObject(ok({ chatId: bob.jid, labels: [{ name: "Paid" }] }));
});

describe("a label", () => {
  test("a label that the API creates, changes or deletes is up to date at once in the API, and then on the phone", async () => {
    const label = await create("Important", 1);
    expect(await names()).toEqual([...predefined, "Important"]);
    expect(await onPhone("Important")).toMatchObject({ id: label, color: 1, predefinedId: undefined });

    const changed = { id: label, name: "Very Important", color: 2 };
    expect(await ask("PUT", `/${label}`, { name: "Very Important", color: 2 })).toMatchObject(ok(changed));
    expect(await names()).toEqual([...predefined, "Very Important"]);
    expect(await onPhone("Very Important")).toMatchObject({ id: label, color: 2 });
    expect(await ask("PUT", `/${label}`, { color: 19 })).toMatchObject(ok({ ...changed, color: 19 }));

    expect(await ask("DELETE", `/${label}`)).toMatchObject(ok({ id: label }));
    expect(await names()).toEqual(predefined);
    expect(await goneFromPhone("Very Important")).toBe(true);
    for (const again of [await ask("DELETE", `/${label}`), await ask("PUT", `/${label}`, { color: 1 })]) {
      expect(again).toMatchObject(refused(404, "label_not_found"));
    }
  });

  test("a renamed predefined label stays predefined", async () => {
    expect(await ask("PUT", "/2", { name: "Bestellt" })).toMatchObject(ok({ id: "2", color: 1, predefinedId: "2" }));
    expect(await onPhone("Bestellt")).toMatchObject({ id: "2", color: 1, predefinedId: 2 });
    expect(await ask("PUT", "/2", { name: "New order" })).toMatchObject({ status: 200 });
  });

  test("a new label never gets a used id, also after a deletion or with two created at once", async () => {
    const [one, two] = await Promise.all([create("One"), create("Two")]);
    expect(Math.abs(Number(one) - Number(two))).toBe(1);
    await ask("DELETE", `/${two}`);
    await ask("DELETE", `/${one}`);
    const three = await create("Three");
    expect(Number(three)).toBe(Math.max(Number(one), Number(two)) + 1);
    expect(await onPhone("Three")).toMatchObject({ id: three, chats: [] });
    await ask("DELETE", `/${three}`);
  });

  test("a label that the owner creates, changes or deletes on the phone is up to date in the API", async () => {
    const label = createLabel(owner, "From the phone", 7);
    const labelInApi = () => ask("GET").then(({ body }) => body.data.find((one: { id: string }) => one.id === label));
    await until(async () => (await labelInApi())?.name === "From the phone" || undefined);
    changeLabel(owner, label, { name: "Changed there", color: 8 });
    await until(async () => (await labelInApi())?.color === 8 || undefined);
    expect(await labelInApi()).toEqual({ id: label, name: "Changed there", color: 8, predefinedId: null });
    deleteLabel(owner, label);
    await until(async () => (await labelInApi()) === undefined || undefined);
  });

  test("labels that the owner and the API create at the same moment are both kept", async () => {
    for (const turn of [1, 2]) {
      // The first response synchronizes with the phone, and the second response accepts or rejects the new label.
      whenSynchronized(turn, () => createLabel(owner, `Phone ${turn}`));
      const label = await create(`Here ${turn}`);
      const there = await onPhone(`Phone ${turn}`);
      expect(there.id).not.toBe(label);
      expect(await onPhone(`Here ${turn}`)).toMatchObject({ id: label });
      await until(async () => (await names()).includes(`Phone ${turn}`) || undefined);
      expect(await names()).toEqual(expect.arrayContaining([`Phone ${turn}`, `Here ${turn}`]));
      for (const one of [label, there.id]) expect(await ask("DELETE", `/${one}`)).toMatchObject({ status: 200 });
    }
  });

  test("a label is stored in the same transaction as the version of the app state", async () => {
    const transactions = async (label: string) => {
      const [row] = await gate.db.sql<{ label: string; version: string }[]>`
        select labels.xmin::text as label, session_keys.xmin::text as version from labels, session_keys
        where labels.instance_id = ${id} and label_id = ${label} and session_keys.instance_id = ${id}
          and type = 'app-state-sync-version' and key_id = 'regular'`;
      return row;
    };
    for (const make of [() => create("Whole"), async () => createLabel(owner, "As well")]) {
      const label = await make();
      const row = await until(() => transactions(label));
      expect(row.label).toBe(row.version);
      deleteLabel(owner, label);
      await until(
        async () => !(await ask("GET")).body.data.some((one: { id: string }) => one.id === label) || undefined,
      );
    }
  });

  test("a label whose creation or deletion has an unknown outcome is up to date after the reconnect", async () => {
    for (const [method, rest, body] of [
      ["POST", "", { name: "Perhaps", color: 3 }] as const,
      ["DELETE", "", undefined] as const,
    ]) {
      const made = labelsOf(owner).find(({ name }) => name === "Perhaps");
      whenSynchronized(2, () => gate.wa.device(owner.number).faults.cut(), { instead: true });
      const answer = await ask(method, made ? `/${made.id}` : rest, body);
      // A deletion can be repeated, so the host repeats it.
      expect(answer).toMatchObject(made ? { status: 200 } : refused(502, "outcome_unknown"));
      await gate.status(id, "connected");
      const count = made ? 0 : 1;
      const here = async () => (await names()).filter((name) => name === "Perhaps").length === count || undefined;
      await until(here);
      expect(labelsOf(owner).filter(({ name }) => name === "Perhaps")).toHaveLength(count);
    }
  });

  test("a twenty-first label and an invalid label are rejected", async () => {
    const made = Array.from({ length: 20 - predefined.length }, (_, i) => createLabel(owner, `Full ${i}`));
    await until(async () => (await names()).length === 20 || undefined);
    expect(await ask("POST", "", { name: "One too many", color: 1 })).toMatchObject(refused(409, "conflict"));
    for (const label of made) deleteLabel(owner, label);
    await until(async () => (await names()).length === predefined.length || undefined);
    const wrong = [{}, { name: "x" }, { color: 1 }, { name: " ", color: 1 }, { name: "x".repeat(101), color: 1 }];
    for (const body of [...wrong, { name: "x", color: 20 }, { name: "x", color: -1 }, { name: "x", color: 1.5 }]) {
      expect(await ask("POST", "", body)).toMatchObject(invalid);
    }
    for (const body of [{}, { name: "" }, { color: 20 }]) expect(await ask("PUT", "/1", body)).toMatchObject(invalid);
    for (const label of ["label-id-1", "9999", "1'"]) {
      expect(await ask("PUT", `/${label}`, { color: 1 })).toMatchObject(refused(404, "label_not_found"));
      expect(await ask("DELETE", `/${label}`)).toMatchObject(refused(404, "label_not_found"));
    }
    for (const label of ["x".repeat(65), "1%002"]) expect(await ask("DELETE", `/${label}`)).toMatchObject(invalid);
  });
});

describe("a chat", () => {
  const set = (chat: string, labelIds: string[]) => ask("PUT", `/chats/${chat}`, { labelIds });

  test("new labels replace the labels of a chat in the API and on the phone, for every form of the chat id", async () => {
    const chats = async (label: string) => labelsOf(owner).find((one) => one.id === label)?.chats;
    const saved = await set(carol.number, ["3", "1", "3"]);
    expect(saved).toMatchObject(ok({ chatId: carol.jid, labels: [{ name: "New customer" }, { id: "3" }] }));
    await until(async () => (await chats("3"))?.length || undefined);
    expect([await chats("1"), await chats("3")]).toEqual([[carol.jid], [carol.jid]]);
    for (const spelling of [carol.number, `+${carol.number}`, carol.jid, carol.lidJid]) {
      const { body } = await ask("GET", `/chats/${encodeURIComponent(spelling)}`);
      expect(body.data).toMatchObject({ chatId: carol.jid, labels: [{ id: "1" }, { id: "3" }] });
    }
    expect((await ask("GET", "/3/chats")).body.data).toEqual([{ id: carol.jid, name: "Carol", isGroup: false }]);

    expect(await set(carol.lidJid, ["3", "5"])).toMatchObject(
      ok({ chatId: carol.jid, labels: [{ id: "3" }, { id: "5" }] }),
    );
    expect(await names(`/chats/${carol.number}`)).toEqual(["Pending payment", "Order complete"]);
    expect(await set(carol.jid, [])).toMatchObject(ok({ chatId: carol.jid, labels: [] }));
    expect(await names(`/chats/${carol.number}`)).toEqual([]);
    await until(async () => (await chats("5"))?.length === 0 || undefined);
    expect(labelsOf(owner).filter((label) => label.chats.includes(carol.jid))).toEqual([]);
  });

  test("a chat that the owner labels on the phone by its LID has the label in the API, which can remove the label", async () => {
    labelChat(owner, "2", carol.lidJid);
    await until(async () => (await names(`/chats/${carol.number}`)).includes("New order") || undefined);
    await set(carol.number, ["1"]);
    expect(await names(`/chats/${carol.number}`)).toEqual(["New customer"]);
    await until(async () => labelsOf(owner)[0]?.chats.includes(carol.jid) || undefined);
    expect(labelsOf(owner)[1]?.chats).toEqual([]);
    labelChat(owner, "1", carol.jid, false);
    await until(async () => (await names(`/chats/${carol.number}`)).length === 0 || undefined);
  });

  test("a group gets labels only if the account is a member", async () => {
    const group = owner.createGroup("Suppliers", [bob.number]);
    const saved = await set(group.jid, ["1"]);
    expect(saved).toMatchObject(ok({ chatId: group.jid, labels: [{ id: "1" }] }));
    await until(async () => labelsOf(owner)[0]?.chats.includes(group.jid) || undefined);
    const expected = { id: group.jid, name: "Suppliers", isGroup: true };
    await until(async () => (await ask("GET", "/1/chats")).body.data[0]?.name === "Suppliers" || undefined);
    expect((await ask("GET", "/1/chats")).body.data).toEqual([expected]);
    const foreign = bob.createGroup("Others", [carol.number]);
    expect(await set(foreign.jid, ["1"])).toMatchObject({ status: 403, body: { code: "forbidden" } });
    expect(await set("120363000000000000@g.us", ["1"])).toMatchObject(refused(404, "group_not_found"));
  });

  test("a chat loses a deleted label and does not get the next new label", async () => {
    const label = await create("Short");
    await set(carol.number, [label]);
    await ask("DELETE", `/${label}`);
    expect(await names(`/chats/${carol.number}`)).toEqual([]);
    expect(await ask("GET", `/${label}/chats`)).toMatchObject(refused(404, "label_not_found"));
    const next = await create("Next");
    expect((await ask("GET", `/${next}/chats`)).body.data).toEqual([]);
    await ask("DELETE", `/${next}`);
  });

  test("a request with an unknown label or an invalid chat is rejected", async () => {
    const documented = ["label-id-1", "label-id-2"];
    for (const unknown of [["1", "9999"], documented]) {
      expect(await set(carol.number, unknown)).toMatchObject(refused(404, "label_not_found"));
    }
    expect(await names(`/chats/${carol.number}`)).toEqual([]);
    expect(await set(nobody, ["1"])).toMatchObject(refused(400, "recipient_not_on_whatsapp"));
    for (const chat of ["12", "x@y.z"]) {
      expect(await set(chat, ["1"])).toMatchObject(invalid);
      expect(await ask("GET", `/chats/${chat}`)).toMatchObject(invalid);
    }
    for (const body of [{}, { labelIds: "1" }, { labelIds: [""] }, { labelIds: [1] }]) {
      expect(await ask("PUT", `/chats/${carol.number}`, body)).toMatchObject(invalid);
    }
    for (const label of ["9999", "label-id-1", "1%002"]) {
      expect(await ask("GET", `/${label}/chats`)).toMatchObject(refused(404, "label_not_found"));
    }
  });
});

describe("a business account", () => {
  const business = (method: string, rest: string, body?: unknown, instance = id) =>
    gate.api(method, `/api/business/${instance}${rest}`, body === undefined ? {} : { body });
  const hours = {
    timezone: "Europe/Berlin",
    days: [
      { day: "mon", mode: "specific_hours", open: 540, close: 1080 },
      { day: "sun", mode: "open_24h" },
    ],
  };

  test("the profile of a business is read and changed, and a field that is absent stays", async () => {
    const first = { description: "Flowers", email: "a@example.com", websites: ["https://a.example/"], hours };
    expect(await business("PUT", "/profile", first)).toMatchObject(ok({ instanceId: id }));
    expect(await business("PUT", "/profile", { address: "Main Street 1", email: "" })).toMatchObject({ status: 200 });
    expect(owner.account.business?.profile).toEqual({ ...first, address: "Main Street 1", email: "" });
    const profile = {
      ...{ description: "Flowers", category: null, address: "Main Street 1", email: null, websites: first.websites },
      hours: {
        timezone: "Europe/Berlin",
        days: [
          { day: "mon", mode: "specific_hours", open: 540, close: 1080 },
          { day: "sun", mode: "open_24h", open: null, close: null },
        ],
      },
    };
    expect((await business("GET", "/profile")).body.data).toMatchObject({ chatId: owner.jid, profile });
    const seen = await business("GET", `/profile?phoneNumber=${owner.number}`, undefined, personal);
    expect(seen.body.data).toMatchObject({ chatId: owner.jid, profile });
    expect(await business("GET", `/profile?phoneNumber=${bob.number}`)).toMatchObject(
      ok({ chatId: bob.jid, profile: null }),
    );
    expect(await business("PUT", "/profile", { description: "x" }, personal)).toMatchObject(
      refused(409, "not_a_business"),
    );
    expect(await business("PUT", "/profile", { description: "x".repeat(513) })).toMatchObject(invalid);
    const half = { hours: { ...hours, days: [{ day: "mon", mode: "specific_hours", open: 540 }] } };
    expect(await business("PUT", "/profile", half)).toMatchObject(invalid);
  });

  test("the catalog of a business is read page by page, and its hidden products only by itself", async () => {
    const shop = owner.account.business ?? { name: "Shop" };
    const roses = { id: "1", name: "Roses", description: "Red", price: 12_500, currency: "EUR", retailerId: "R-1" };
    shop.products = [roses, { id: "2", name: "Tulips" }, { id: "3", name: "Secret", hidden: true }];
    shop.collections = [{ id: "9", name: "Spring", productIds: ["2", "3"] }];
    const page = await business("GET", "/catalog?limit=1");
    expect(page.body.data).toMatchObject({
      products: [{ ...roses, url: null, imageUrl: null, hidden: false }],
      nextCursor: "1",
    });
    const idsOf = async (rest: string, instance = id): Promise<string[]> =>
      (await business("GET", rest, undefined, instance)).body.data.products.map((one: { id: string }) => one.id);
    expect(await idsOf("/catalog?cursor=1")).toEqual(["2", "3"]);
    expect(await idsOf(`/catalog?phoneNumber=${owner.number}`, personal)).toEqual(["1", "2"]);
    const tulips = { id: "2", name: "Tulips", description: null, price: null, currency: null };
    const { collections } = (await business("GET", `/collections?phoneNumber=${owner.number}`, undefined, personal))
      .body.data;
    expect(collections).toMatchObject([{ id: "9", name: "Spring", products: [tulips] }]);
    expect(collections[0].products).toHaveLength(1);
    expect(await business("GET", `/catalog?phoneNumber=${bob.number}`)).toMatchObject(refused(409, "not_a_business"));
    expect(await business("GET", `/catalog?phoneNumber=${nobody}`)).toMatchObject(
      refused(400, "recipient_not_on_whatsapp"),
    );
    expect(await business("GET", "/catalog?limit=101")).toMatchObject(invalid);
  });

  test("the order of a customer is read with the token in its message", async () => {
    const shop = owner.account.business ?? { name: "Shop" };
    shop.products = [{ id: "1", name: "Roses", price: 12_500, currency: "EUR" }];
    shop.orders = [{ id: "77", token: "secret==", currency: "EUR", items: [{ productId: "1", quantity: 2 }] }];
    const found = await business("GET", `/orders/77?token=${encodeURIComponent("secret==")}`);
    const product = { id: "1", name: "Roses", price: 12_500, currency: "EUR", quantity: 2, imageUrl: null };
    expect(found.body.data).toMatchObject({ total: 25_000, currency: "EUR", products: [product] });
    expect(await business("GET", "/orders/77?token=wrong")).toMatchObject(refused(404, "order_not_found"));
    expect(await business("GET", "/orders/77")).toMatchObject(invalid);
  });
});

describe("labels of an account", () => {
  const requests: [string, string, unknown?][] = [
    ["POST", "", { name: "Important", color: 1 }],
    ["PUT", "/1", { name: "Very Important", color: 2 }],
    ["DELETE", "/1"],
    ["PUT", "/chats/4915550400002", { labelIds: ["1", "2"] }],
    ["GET", ""],
    ["GET", "/chats/4915550400002"],
    ["GET", "/1/chats"],
  ];

  test.each(requests)("an account that is not a business gets 409: %s %s", async (method, rest, body) => {
    expect(await ask(method, rest, body, personal)).toMatchObject(refused(409, "not_a_business"));
  });

  test.each(requests)("an instance that was never linked gets 409: %s %s", async (method, rest, body) => {
    expect(await ask(method, rest, body, unlinked)).toMatchObject(refused(409, "instance_not_connected"));
  });

  test("labels remain readable after a logout, until another account is linked", async () => {
    await ask("PUT", `/chats/${carol.number}`, { labelIds: ["1"] });
    const before = await ask("GET");
    await gate.api("POST", `/api/instance/${id}/logout`);
    await gate.status(id, "logged_out");
    expect(await ask("GET")).toMatchObject(ok(before.body.data));
    expect(await names(`/chats/${carol.number}`)).toEqual(["New customer"]);
    expect(await ask("POST", "", { name: "x", color: 1 })).toMatchObject(refused(409, "instance_not_connected"));

    const successor = await gate.wa.addPhone({ number: "4915550400005", pushName: "New", business: { name: "New" } });
    const label = createLabel(successor, "New owner");
    await gate.api("POST", `/api/instance/${id}/restart`);
    await successor.scanQr(await gate.qr(id));
    await gate.status(id, "connected");
    await until(async () => (await names()).includes("New owner") || undefined);
    expect(await names()).toEqual([...predefined, "New owner"]);
    expect(await names(`/chats/${carol.number}`)).toEqual([]);
    expect(Number(await create("Next"))).toBe(Number(label) + 1);
  });
});

/** Runs `then` once, after (or `instead` of) WhatsApp's response to the `turn`th of the instance's next synchronizations. */
function whenSynchronized(turn: number, then: () => void, { instead = false } = {}): void {
  const { socket } = gate.wa.device(owner.number);
  if (!socket) throw new Error("the instance has no socket");
  const send = socket.send;
  let left = turn;
  socket.send = (stanza) => {
    const hit = stanza.tag === "iq" && child(stanza, "sync") !== undefined && --left === 0;
    if (!hit || !instead) send.call(socket, stanza);
    if (!hit) return;
    socket.send = send;
    then();
  };
}
