import { DEFAULT_CONNECTION_CONFIG } from "@whiskeysockets/baileys";
import pino from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { claimLookUp, endLookUp, keepClientVersion, readClientVersion } from "../../core/client-version/index.ts";
import type { ClientVersion } from "../../core/config.ts";
import { readConfig } from "../../core/config.ts";
import { Claims } from "../../core/db/claim-lease.ts";
import { createLogger } from "../../core/log.ts";
import { readFleetGauges } from "../../core/metric/fleet.ts";
import { endHost, spawnHost } from "../../local/gateway/host-process.ts";
import { prepareWhatsApp } from "../../session-host/baileys/whatsapp.ts";
import { Limiter } from "../../session-host/concurrency/limiter.ts";
import { startHost } from "../../session-host/host/start.ts";
import type { Phone } from "../../simulator/index.ts";
import { details } from "../support/gateway/instance-state.ts";
import { phoneSeries } from "../support/gateway/linked-gateway.ts";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";
import { never, until } from "../support/until.ts";

const builtIn: ClientVersion = DEFAULT_CONNECTION_CONFIG.version;
const newer = (by: number): ClientVersion => [builtIn[0], builtIn[1], builtIn[2] + by];

type Line = Record<string, unknown> & { level: number; msg: string };

let gate: TestGateway;
let host: Awaited<ReturnType<typeof startHost>> | undefined;
let lines: Line[] = [];

beforeAll(async () => {
  gate = await startTestGateway({ host: "none" });
});
afterAll(async () => {
  await gate?.stop();
});

beforeEach(async () => {
  lines = [];
  await gate.db.sql`delete from client_version`;
  const { versions } = gate.wa.world;
  versions.minimum = { login: builtIn, link: builtIn };
  versions.published = newer(1);
  versions.pageFaults.clear();
  versions.seen.length = 0;
  versions.pages = 0;
});
afterEach(async () => {
  await host?.stop();
  host = undefined;
  // Each test has its own instances.
  await gate.db.sql`update instances set desired = 'stopped'`;
  expect(gate.wa.unknown).toEqual([]);
});

/** Stops the session host and starts another one. */
async function restartHost(env: Record<string, string> = {}): Promise<void> {
  await host?.stop();
  host = undefined;
  // Sockets of an earlier host can still log, so each host has its own list.
  const own: Line[] = [];
  lines = own;
  const log = pino({ level: "debug" }, { write: (text: string) => void own.push(JSON.parse(text)) });
  host = await startHost(readConfig({ ...gate.gateway.env, ...env }), log);
}

const versions = () => gate.wa.world.versions;
const seen = (purpose?: string) => versions().seen.filter((one) => !purpose || one.purpose === purpose);
const logged = (message: string) => until(async () => lines.find(({ msg }) => msg.startsWith(message)));
const startLine = async () => {
  const { clientVersion, source } = await logged("client version for WhatsApp");
  return { clientVersion, source };
};
const newPhone = phoneSeries(() => gate.wa, "49155501100");

async function linked(): Promise<{ id: string; owner: Phone }> {
  const owner = await newPhone();
  return { id: await gate.linked(owner), owner };
}

const stored = (version: ClientVersion) =>
  until(async () => (String(await readClientVersion(gate.db)) === String(version) ? true : undefined));

/** Makes the last look-up a day old. */
const letTimePass = () =>
  gate.db.sql`update client_version set asked_at = asked_at - interval '1 day', found_at = found_at - interval '1 day'`;

const reason = async (id: string) => (await details(gate, id)).statusReason;

test("a host presents the version in WHATSAPP_VERSION and looks up no version", async () => {
  await restartHost({ WHATSAPP_VERSION: newer(7).join(".") });
  expect(await startLine()).toEqual({ clientVersion: newer(7).join("."), source: "pinned" });
  await linked();
  expect(new Set(seen().map(({ version }) => version))).toEqual(new Set([newer(7).join(".")]));
  expect([versions().pages, await readClientVersion(gate.db)]).toEqual([0, undefined]);
});

test("a host presents the version that WhatsApp publishes, which the next host has from its start", async () => {
  await restartHost();
  expect(await startLine()).toEqual({ clientVersion: builtIn.join("."), source: "built in" });
  await stored(newer(1));
  await linked();
  expect(seen().map(({ purpose, version }) => `${purpose} ${version}`)).toEqual([
    `link ${newer(1).join(".")}`,
    `login ${newer(1).join(".")}`,
  ]);
  await restartHost();
  expect(await startLine()).toEqual({ clientVersion: newer(1).join("."), source: "stored" });
  expect(versions().pages).toBe(1);
});

test("an admin sees the version of each host, its source and its last look-up, and its age is a metric", async () => {
  const shown = async () => {
    const { body } = await gate.api("GET", "/api/observability/status");
    return body.data.hosts.find((one: { alive: boolean }) => one.alive)?.clientVersion;
  };
  await restartHost();
  await stored(newer(1));
  await linked();
  await until(async () => (await shown())?.source === "stored" || undefined);
  const { version, lookedUpAt } = await shown();
  expect(version).toBe(newer(1).join("."));
  expect(Date.now() - Date.parse(lookedUpAt)).toBeLessThan(600_000);
  await letTimePass();
  const day = 24 * 3600;
  expect((await readFleetGauges(gate.db)).ClientVersionAge).toBeGreaterThanOrEqual(day);
  await restartHost({ WHATSAPP_VERSION: newer(7).join(".") });
  await until(async () => (await shown())?.source === "pinned" || undefined);
  expect((await readFleetGauges(gate.db)).ClientVersionAge).toBe(0);
});

test("a host presents the version in Baileys if the stored version is older", async () => {
  await keepClientVersion(gate.db, [2, 3000, 1_000_000_000], undefined);
  await restartHost();
  expect(await startLine()).toEqual({ clientVersion: builtIn.join("."), source: "built in" });
});

test("neither a start nor a stop waits for a look-up that hangs", async () => {
  await keepClientVersion(gate.db, newer(3), undefined);
  await letTimePass();
  versions().pageFaults.add("hang");
  await restartHost();
  // The look-up times out only after ten seconds.
  expect(lines.filter(({ msg }) => msg.startsWith("client version not looked up"))).toEqual([]);
  expect(await startLine()).toEqual({ clientVersion: newer(3).join("."), source: "stored" });
  await until(async () => versions().pages || undefined);
  const began = performance.now();
  await host?.stop();
  expect(performance.now() - began).toBeLessThan(8_000);
  versions().pageFaults.add("hang");
  await letTimePass();
  await restartHost();
  await linked();
  expect(new Set(seen().map(({ version }) => version))).toEqual(new Set([newer(3).join(".")]));
});

test("a host looks up another version when WhatsApp rejects the current version, and the session reconnects", async () => {
  await restartHost();
  await stored(newer(1));
  const { id, owner } = await linked();
  versions().minimum = { login: newer(5), link: newer(5) };
  versions().published = newer(5);
  await letTimePass();
  gate.wa.device(owner.number).faults.cut();
  await until(async () => seen("login").some(({ refused }) => refused) || undefined);
  await until(async () => (seen("login").at(-1)?.refused === false ? true : undefined));
  await gate.status(id, "connected");
  expect(await reason(id)).toBeNull();
  expect(seen("login").map(({ version, refused }) => ({ version, refused }))).toEqual([
    { version: newer(1).join("."), refused: false },
    { version: newer(1).join("."), refused: true },
    { version: newer(5).join("."), refused: false },
  ]);
  expect(owner.devices).toHaveLength(1);
});

test("an instance links with a newer version if WhatsApp rejects the current version only for linking", async () => {
  await restartHost();
  await stored(newer(1));
  const { id } = await linked();
  versions().minimum.link = newer(6);
  versions().published = newer(6);
  await letTimePass();
  await linked();
  await gate.status(id, "connected");
  expect(seen("link").map(({ version, refused }) => ({ version, refused }))).toEqual([
    { version: newer(1).join("."), refused: false },
    { version: newer(1).join("."), refused: true },
    { version: newer(6).join("."), refused: false },
  ]);
});

test("if WhatsApp rejects the client version, a host logs an error and waits, and continues when another version is stored", async () => {
  await restartHost();
  await stored(newer(1));
  versions().minimum = { login: newer(9), link: newer(9) };
  await letTimePass();
  const id = await gate.createInstance();
  const error = await logged("WhatsApp refuses the client version");
  expect(error).toMatchObject({ level: 50, clientVersion: newer(1).join(".") });
  expect(error.msg).toContain("set WHATSAPP_VERSION");
  // Longer than the first reconnect delays.
  await never(async () => seen("link").length > 1, 5_000);
  expect(seen("link")).toHaveLength(1);
  expect(versions().pages).toBe(2);
  expect(await details(gate, id)).toMatchObject({ status: "connecting", statusReason: "client_outdated" });
  const answer = await gate.api("GET", `/api/instances/${id}/qr`);
  expect(answer.body.detail).toContain("WhatsApp refuses the client version of this gateway");
  // Another host stores a newer version.
  await keepClientVersion(gate.db, newer(9), undefined);
  await gate.qr(id);
  expect(seen("link").map(({ refused }) => refused)).toEqual([true, false]);
});

test("a host reports that WhatsApp rejects the version in WHATSAPP_VERSION", async () => {
  versions().minimum.link = newer(1);
  await restartHost({ WHATSAPP_VERSION: builtIn.join(".") });
  await gate.createInstance();
  const { err } = await logged("WhatsApp refuses the client version");
  expect((err as { message: string }).message).toBe("WHATSAPP_VERSION pins it");
  expect(versions().pages).toBe(0);
});

async function shardsOf(instances: { id: string }[]): Promise<number> {
  const [row] = await gate.db.sql`
    select count(distinct shard)::int as n from instances where id = any(${instances.map(({ id }) => id)}::uuid[])`;
  return Number(row?.n);
}

test("two hosts share the version that one host looked up, and look up a version only once when all their instances are rejected", async () => {
  const hosts = [spawnHost(gate.gateway.env), spawnHost(gate.gateway.env)];
  try {
    const holders = async () =>
      (await gate.db.sql`select distinct host from shards where lease_until > now()`).length === 2 || undefined;
    await until(holders, 30_000);
    await stored(newer(1));
    const all = [];
    // The shard depends on the random id. Both hosts must serve some.
    while (all.length < 6 || (await shardsOf(all)) < 2) all.push(await linked());
    expect(versions().pages).toBe(1);
    versions().minimum = { login: newer(2), link: newer(2) };
    versions().published = newer(2);
    versions().seen.length = 0;
    await letTimePass();
    for (const { owner } of all) gate.wa.device(owner.number).faults.cut();
    await until(async () => seen("login").filter(({ refused }) => !refused).length === all.length || undefined, 30_000);
    await Promise.all(all.map(({ id }) => gate.status(id, "connected")));
    expect(versions().pages).toBe(2);
    // Each instance tries the old version at most once.
    expect(seen("login").filter(({ refused }) => refused).length).toBeLessThanOrEqual(all.length);
  } finally {
    await Promise.all(hosts.map((one) => endHost(one)));
  }
}, 120_000);

test("after a refused version, the instances of a host log in a few at a time, and each one once", async () => {
  await restartHost();
  await stored(newer(1));
  const owners = await Promise.all(Array.from({ length: 50 }, newPhone));
  const limiter = new Limiter(8);
  await Promise.all(
    owners.map(async (owner) => {
      const leave = await limiter.enter();
      await gate.linked(owner).finally(leave);
    }),
  );
  versions().minimum = { login: newer(2), link: newer(2) };
  versions().published = newer(2);
  // The version was just looked up, because WhatsApp refused the one before.
  await letTimePass();
  versions().seen.length = 0;
  const { openings } = gate.wa.world;
  openings.maximum = 0;
  const logins = () => owners.map((owner) => gate.wa.device(owner.number).sockets.logins);
  const before = logins();
  for (const owner of owners) gate.wa.device(owner.number).faults.cut();
  await until(async () => logins().every((count, index) => count > (before[index] ?? 0)) || undefined, 120_000);
  expect(openings.maximum).toBeLessThanOrEqual(8);
  expect(logins()).toEqual(before.map((count) => count + 1));
  // A session tries a refused version at most once, and once more if the look-up is not finished.
  expect(seen("login").filter(({ refused }) => refused).length).toBeLessThanOrEqual(100);
}, 300_000);

describe("an unusable version page", () => {
  const page = (revision: string) => ({ status: 200, body: `{"client_revision":${revision}}` });

  test.each([
    ["an error", { status: 503, body: String(page("1999999999").body) }],
    ["no version", { status: 200, body: "<html>not what you think</html>" }],
    ["a number that is too large", page("99999999999")],
    ["a number of 400 digits", page("9".repeat(400))],
    ["a version older than the one in Baileys", page("1")],
  ])("is ignored if it has %s", async (_name, answer) => {
    await keepClientVersion(gate.db, newer(3), undefined);
    await letTimePass();
    versions().pageFaults.add(answer);
    await restartHost();
    await logged("client version not looked up");
    expect(await readClientVersion(gate.db)).toEqual(newer(3));
    expect(lines.filter(({ level, msg }) => level > 30 && !msg.includes("does not connect to the real"))).toEqual([]);
  });
});

test("if WHATSAPP_URL is set, every web request is sent to its server, never to the original host", async () => {
  const { web } = prepareWhatsApp(gate.gateway.config);
  for (const url of ["https://web.whatsapp.com/x", "https://www.example.com/y", "http://192.0.2.1/z"]) {
    expect((await fetch(url, web)).status).toBe(426);
  }
  const { WHATSAPP_URL, ...rest } = gate.gateway.env;
  expect(WHATSAPP_URL).toBeDefined();
  expect(prepareWhatsApp(readConfig(rest)).web).toBeUndefined();
});

describe("the stored version", () => {
  test("the newest version is stored, unless WhatsApp rejects it", async () => {
    const { db } = gate;
    expect(await keepClientVersion(db, newer(5), undefined)).toEqual(newer(5));
    expect(await keepClientVersion(db, newer(4), undefined)).toEqual(newer(5));
    expect(await keepClientVersion(db, newer(4), newer(3))).toEqual(newer(5));
    expect(await keepClientVersion(db, newer(4), newer(5))).toEqual(newer(4));
    expect(await keepClientVersion(db, newer(6), newer(4))).toEqual(newer(6));
    expect(await readClientVersion(db)).toEqual(newer(6));
  });

  test("the version is looked up by one host at a time, and not more often than the pace allows", async () => {
    const { db } = gate;
    const claims = async (pace: { askedMs: number; foundMs: number }) => {
      const holder = new Claims({ db, log: createLogger("test", "silent") });
      const claim = () =>
        holder.hold(async (lease) => {
          const claimed = await claimLookUp(db, lease, pace);
          if (claimed) await endLookUp(db, lease);
          return claimed;
        });
      const all = await Promise.all(Array.from({ length: 20 }, claim));
      return all.filter(Boolean).length;
    };
    expect(await claims({ askedMs: 60_000, foundMs: 0 })).toBe(1);
    expect(await claims({ askedMs: 60_000, foundMs: 0 })).toBe(0);
    await db.sql`update client_version set asked_at = asked_at - interval '2 minutes'`;
    expect(await claims({ askedMs: 60_000, foundMs: 0 })).toBe(1);
    await keepClientVersion(db, newer(1), undefined);
    await db.sql`update client_version set asked_at = asked_at - interval '2 minutes'`;
    expect(await claims({ askedMs: 60_000, foundMs: 60_000 })).toBe(0);
    expect(await claims({ askedMs: 60_000, foundMs: 0 })).toBe(1);
  });

  test("a look-up whose host died does not delay the next look-up", async () => {
    const { db } = gate;
    const holder = new Claims({ db, log: createLogger("test", "silent") });
    const pace = { askedMs: 60_000, foundMs: 0 };
    await db.sql`update client_version set asked_at = asked_at - interval '2 minutes', asked_by = null`;
    await holder.hold(async (dead) => {
      expect(await claimLookUp(db, dead, pace)).toBe(true);
      expect(await holder.hold((lease) => claimLookUp(db, lease, pace))).toBe(false);
      await db.sql`update claim_leases set until = clock_timestamp() - interval '1 ms' where id = ${dead.id}`;
      await holder.hold(async (lease) => {
        expect(await claimLookUp(db, lease, pace)).toBe(true);
        await endLookUp(db, lease);
      });
      expect(await holder.hold((lease) => claimLookUp(db, lease, pace))).toBe(false);
    });
  });
});
