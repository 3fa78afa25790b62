import { readClientVersion } from "../../../core/client-version/index.ts";
import { Limiter } from "../../../session-host/concurrency/limiter.ts";
import type { Phone } from "../../../simulator/index.ts";
import type { Device } from "../../../simulator/model/account.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import makeTemplate from "../../support/postgres.ts";
import { until } from "../../support/until.ts";
import { findHost } from "../history-import/memory.ts";
import { measure, print } from "./measure.ts";
import type { LinkOptions } from "./options.ts";

/** Links the instances, refuses their version, prints the figures, and returns whether all limits hold. */
export async function runManyLinks(options: LinkOptions): Promise<boolean> {
  const { instances, minutes } = options;
  const limitMs = minutes * 60_000;
  const removeTemplate = await makeTemplate();
  const gate = await startTestGateway({ host: "child" });
  try {
    const { openings, versions } = gate.wa.world;
    await until(async () => readClientVersion(gate.db));
    const owners = await addPhones(gate, options);
    const host = findHost();
    const linked = await measure(`link ${instances} instances`, host, () => linkAll(gate, owners, options));
    const history = await measure("import their histories", host, () =>
      until(async () => (await completed(gate)) === instances || undefined, limitMs),
    );
    const linkHandshakes = openings.maximum;
    openings.maximum = 0;
    versions.seen.length = 0;
    refuseVersion(gate);
    const reconnected = await measure("reconnect after a refused version", host, async () => {
      const before = new Map(gate.wa.devices.map((device) => [device, device.sockets.logins]));
      for (const owner of owners) gate.wa.device(owner.number).faults.cut();
      const isBack = ([{ sockets }, logins]: [Device, number]) => sockets.open === 1 && sockets.logins > logins;
      await until(async () => [...before].every(isBack) || undefined, limitMs);
      await until(async () => (await connected(gate)) === instances || undefined, limitMs);
    });
    print([linked, history, reconnected]);
    const refused = versions.seen.filter((one) => one.refused).length;
    console.log(`handshakes at the same time: at most ${linkHandshakes} while linking, ${openings.maximum} afterwards`);
    console.log(`logins after the refusal: ${versions.seen.length}, of which ${refused} with the refused version`);
    const failures = [
      Math.max(linkHandshakes, openings.maximum) > options.maxHandshakes && "there were too many handshakes at once",
      versions.seen.length - refused !== instances && "an instance logged in more than once with the new version",
      refused > 2 * instances && "the refused version was tried too often",
      gate.wa.unknown.length > 0 && `the simulator did not understand ${gate.wa.unknown.length} stanzas`,
    ].filter(Boolean);
    for (const failure of failures) console.error(failure);
    return failures.length === 0;
  } finally {
    await gate.stop();
    await removeTemplate();
  }
}

async function addPhones(gate: TestGateway, { instances, messages, chats }: LinkOptions): Promise<Phone[]> {
  const phones: Phone[] = [];
  for (let index = 0; index < instances; index++)
    phones.push(
      await gate.wa.addPhone({
        number: String(4_915_600_000_000 + index),
        pushName: `Owner ${index}`,
        history: { messages, chats, days: 80 },
      }),
    );
  return phones;
}

async function linkAll(gate: TestGateway, owners: readonly Phone[], { scans }: LinkOptions): Promise<void> {
  const limiter = new Limiter(scans);
  await Promise.all(
    owners.map(async (owner) => {
      const leave = await limiter.enter();
      await gate.linked(owner, "multi-instance", { history: "recent" }).finally(leave);
    }),
  );
}

/** Makes WhatsApp refuse the current version, and publish a newer one that it accepts. */
function refuseVersion(gate: TestGateway): void {
  const { versions } = gate.wa.world;
  const [major, minor, revision] = versions.published;
  const next = [major, minor, revision + 1] as const;
  versions.published = next;
  versions.minimum = { login: next, link: next };
}

const count = async (gate: TestGateway, condition: ReturnType<TestGateway["db"]["sql"]>) => {
  const [row] = await gate.db.sql<{ n: number }[]>`select count(*)::int as n from instances where ${condition}`;
  return row?.n ?? 0;
};
const completed = (gate: TestGateway) => count(gate, gate.db.sql`history_completed_at is not null`);
const connected = (gate: TestGateway) => count(gate, gate.db.sql`status = 'connected'`);
