import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Phone, WhatsApp } from "../../../simulator/index.ts";
import { Arrivals } from "../arrivals.ts";
import { now } from "../clock.ts";
import type { Options } from "../options.ts";
import { type Direction, directions, type Pace, paces, type Round } from "../result/result.ts";
import { inLanes, type Subject, type Text, type Times } from "../subject.ts";

/** Milliseconds without an arrival after which missing texts count as lost. */
const stallMs = 20_000;

/** A subject with linked accounts, and the phones that they exchange texts with. */
export interface Loaded {
  subject: Subject;
  owners: Phone[];
  peers: Phone[];
  /** Texts that arrived at the peers. */
  arrivals: Arrivals;
}

/** Links the accounts and sends texts in both directions of every chat, so that no measurement includes first-time costs. */
export async function prepareLoad(wa: WhatsApp, subject: Subject, series: string, options: Options): Promise<Loaded> {
  const addPhone = (kind: string, index: number) =>
    wa.addPhone({ number: `49155${series}${kind}${String(index).padStart(4, "0")}`, pushName: `${kind} ${index}` });
  const each = (count: number) => Array.from({ length: count }, (_, index) => index);
  const owners = await Promise.all(each(options.accounts).map((index) => addPhone("1", index)));
  const peers = await Promise.all(each(options.accounts * options.chats).map((index) => addPhone("2", index)));
  const arrivals = new Arrivals();
  for (const peer of peers) peer.onMessage(({ text }) => arrivals.record(text ?? "", now()));
  await inLanes(owners, 2, (owner) => subject.link(owner));
  // The owners' phones stay offline, so that the driver doesn't decrypt each text twice.
  for (const owner of owners) owner.goOffline();
  const loaded = { subject, owners, peers, arrivals };
  for (const direction of directions) {
    const texts = textsOf(loaded, `warm ${direction}`, Math.max(peers.length, Math.round(options.texts / 2)));
    await run(loaded, direction, "load", texts, options.callers);
    await subject.settled(direction, texts.length);
  }
  return loaded;
}

/** Takes every measurement. The subjects alternate, so that changes in the machine's speed affect them equally. */
export async function measureLoad(
  all: readonly Loaded[],
  options: Options,
  keep: (round: Round) => void,
  progress: (text: string) => void,
): Promise<void> {
  for (const pace of paces) {
    for (const direction of directions) {
      for (let round = 1; round <= options.rounds; round++) {
        for (const loaded of all) {
          const measured = await measure(loaded, direction, pace, round, options);
          keep(measured);
          const rate = Math.round((measured.arrived / measured.spanMs) * 1000);
          const { name } = loaded.subject;
          progress(`${pace} ${direction}, round ${round}: ${name} ${measured.arrived} texts, ${rate}/s`);
        }
      }
    }
  }
}

async function measure(
  loaded: Loaded,
  direction: Direction,
  pace: Pace,
  round: number,
  options: Options,
): Promise<Round> {
  const { subject } = loaded;
  const name = `${subject.name}-${pace}-${direction}-${round}`;
  const texts = textsOf(loaded, name, pace === "low" ? options.low : options.texts);
  await subject.reportImmediately(pace !== "flood");
  const profile = options.profile && pace !== "low";
  if (profile) await subject.probes.startProfile();
  const before = await subject.cpu();
  const driverBefore = process.cpuUsage();
  const times = await run(loaded, direction, pace, texts, pace === "low" ? 1 : options.callers);
  const settledAt = await subject.settled(direction, texts.length);
  const after = await subject.cpu();
  const driver = process.cpuUsage(driverBefore);
  if (profile) {
    await mkdir(options.out, { recursive: true });
    await subject.probes.stopProfile(join(options.out, name));
  }

  const destination = direction === "out" ? loaded.arrivals : subject.arrivals;
  const arrived = texts.filter(({ text }) => destination.at(text) !== undefined);
  if (arrived.length < texts.length) {
    subject.problems.push(`${name}: ${texts.length - arrived.length} of ${texts.length} texts were lost`);
  }
  // The gateway may repeat a webhook by contract. A phone or Baileys must not report a text twice.
  const twice =
    direction === "in" && subject.name !== "bare" ? [] : texts.filter(({ text }) => destination.copies(text) > 1);
  if (twice.length > 0) subject.problems.push(`${name}: ${twice.length} texts arrived more than once`);
  const startOf = ({ text }: Text) => times.get(text)?.startedAt ?? Number.NaN;
  const start = Math.min(...times.values().map(({ startedAt }) => startedAt));
  return {
    subject: subject.name,
    direction,
    pace,
    round,
    texts: texts.length,
    arrived: arrived.length,
    spanMs: Math.max(...arrived.map(({ text }) => destination.at(text) ?? 0)) - start,
    settledMs: settledAt - start,
    latenciesMs: arrived.map((text) => (destination.at(text.text) ?? Number.NaN) - startOf(text)),
    answersMs: [...times.values()].map(({ startedAt, answeredAt }) => answeredAt - startedAt),
    cpu: {
      process: after.process - before.process,
      ...(after.postgres === undefined || before.postgres === undefined
        ? {}
        : { postgres: after.postgres - before.postgres }),
    },
    driverCpu: (driver.user + driver.system) / 1e6,
  };
}

/** Sends the texts and waits until all have arrived or no more arrive. */
export async function run(
  loaded: Loaded,
  direction: Direction,
  pace: Pace,
  texts: readonly Text[],
  callers: number,
): Promise<Map<string, Times>> {
  const destination = direction === "out" ? loaded.arrivals : loaded.subject.arrivals;
  const stalled = watchForStall(destination);
  const arrived = (text: string) => Promise.race([destination.wait(text), stalled.over]);
  const waiting = pace === "flood" ? undefined : arrived;
  try {
    const times =
      direction === "out"
        ? await loaded.subject.sendAll(texts, callers, waiting)
        : await sendFromPhones(loaded, texts, callers, waiting);
    await Promise.all([...times.keys()].map(arrived));
    return times;
  } finally {
    stalled.end();
  }
}

async function sendFromPhones(
  { owners, peers, subject }: Loaded,
  texts: readonly Text[],
  callers: number,
  arrived?: (text: string) => Promise<void>,
): Promise<Map<string, Times>> {
  const times = new Map<string, Times>();
  const byNumber = new Map(peers.map((peer) => [peer.number, peer]));
  await inLanes(texts, callers, async ({ account, peer, text }) => {
    const startedAt = now();
    await byNumber.get(peer)?.sendText(owners[account]?.number ?? "", text);
    times.set(text, { startedAt, answeredAt: now() });
    // The phones run in this process, so let it handle what arrived in the meantime.
    await new Promise(setImmediate);
    await arrived?.(text);
  }).catch((error: unknown) => subject.problems.push(`a phone could not send: ${error}`));
  return times;
}

export function textsOf({ owners, peers }: Omit<Loaded, "arrivals">, name: string, count: number): Text[] {
  return Array.from({ length: count }, (_, index) => {
    const chat = index % peers.length;
    return {
      account: chat % owners.length,
      peer: peers[chat]?.number ?? "",
      text: `${name} ${index}: the quick brown fox jumps over the lazy dog`,
    };
  });
}

function watchForStall(arrivals: Arrivals): { over: Promise<void>; end: () => void } {
  const since = now();
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setInterval(() => {
    if (now() - Math.max(since, arrivals.lastAt) > stallMs) resolve();
  }, 250);
  return { over: promise, end: () => clearInterval(timer) };
}
