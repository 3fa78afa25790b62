import type { Phone } from "../../../simulator/index.ts";
import { Arrivals } from "../arrivals.ts";
import { now } from "../clock.ts";
import { WholeGateway } from "../gateway/subject.ts";
import type { Study } from "../result/result.ts";
import { sum } from "../result/statistics.ts";
import type { Text } from "../subject.ts";

/** Milliseconds without an arrival after which missing texts count as lost. */
const stallMs = 20_000;
/** The highest allowed pace, so that only the gateway limits a bulk. */
const perMinute = 60_000;

/** Sends texts of one instance to as many recipients, alternately one by one and as one bulk. */
export const bulk: Study = async ({ wa, folder, options, keep, progress, addProblem }) => {
  const gateway = await WholeGateway.start(wa, folder, options);
  try {
    const arrivals = new Arrivals();
    const owner = await wa.addPhone({ number: "4915570000001", pushName: "Owner" });
    progress(`bulk: adding ${options.texts} phones`);
    const peers: Phone[] = [];
    for (let index = 0; index < options.texts; index++) {
      const peer = await wa.addPhone({ number: `491557${String(index + 1_000_000)}`, pushName: `Peer ${index}` });
      peer.onMessage(({ text }) => arrivals.record(text ?? "", now()));
      peers.push(peer);
    }
    await gateway.link(owner);
    // The owner's phone stays offline, so that the driver doesn't decrypt each text twice.
    owner.goOffline();

    const ways = {
      singly: async (texts: Text[]) => {
        await gateway.sendAll(texts, options.callers);
      },
      "as a bulk": (texts: Text[]) => gateway.sendBulk(0, texts, perMinute),
    };
    const spans = { singly: [] as number[], "as a bulk": [] as number[] };
    const requestMs: number[] = [];
    // The first round doesn't count, because it creates the Signal sessions.
    for (let round = 0; round <= options.rounds; round++) {
      for (const [way, send] of Object.entries(ways)) {
        const texts = peers.map(({ number }, index) => ({
          account: 0,
          peer: number,
          text: `${way} ${round} ${index}`,
        }));
        const start = now();
        await send(texts);
        const answered = now();
        const missing = await waitForArrivals(arrivals, texts);
        const last = Math.max(...texts.map(({ text }) => arrivals.at(text) ?? 0));
        await gateway.settled("out", texts.length);
        const twice = texts.filter(({ text }) => arrivals.copies(text) > 1).length;
        if (missing + twice > 0)
          addProblem(`${way}, round ${round}: ${missing} texts were lost, ${twice} arrived twice`);
        progress(`bulk: ${way}, round ${round}: ${texts.length} texts in ${Math.round(last - start)} ms`);
        if (round === 0) continue;
        spans[way as keyof typeof spans].push(last - start);
        if (way === "as a bulk") requestMs.push(answered - start);
      }
    }
    const rate = (list: number[]) => ((options.texts * list.length) / sum(list)) * 1000;
    const [singly, together] = [rate(spans.singly), rate(spans["as a bulk"])];
    keep({ name: `${options.texts} texts out of one instance, singly`, unit: "/s", value: singly });
    keep({ name: `${options.texts} texts out of one instance, as a bulk`, unit: "/s", value: together });
    keep({ name: "— as a bulk / singly", unit: "", value: together / singly });
    keep({ name: "— response time of the bulk", unit: "ms", value: sum(requestMs) / requestMs.length });
  } finally {
    await gateway.stop();
    for (const problem of gateway.problems) addProblem(problem);
  }
};

/** Waits until all texts have arrived or no more arrive. Returns how many are missing. */
async function waitForArrivals(arrivals: Arrivals, texts: readonly Text[]): Promise<number> {
  const since = now();
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setInterval(() => {
    if (now() - Math.max(since, arrivals.lastAt) > stallMs) resolve();
  }, 250);
  await Promise.all(texts.map(({ text }) => Promise.race([arrivals.wait(text), promise])));
  clearInterval(timer);
  return texts.filter(({ text }) => arrivals.at(text) === undefined).length;
}
