import { Arrivals } from "../arrivals.ts";
import { now } from "../clock.ts";
import { WholeGateway } from "../gateway/subject.ts";
import type { Study } from "../result/result.ts";
import { percentile } from "../result/statistics.ts";
import type { Text } from "../subject.ts";

/** Milliseconds without an arrival after which missing texts count as lost. */
const stallMs = 20_000;

/**
 * Measures the time from request to phone of a user who sends one text at a time: alone, and while another user sends texts
 * with many callers.
 */
export const isolation: Study = async ({ wa, folder, options, keep, progress, addProblem }) => {
  const gateway = await WholeGateway.start(wa, folder, options);
  try {
    const arrivals = new Arrivals();
    const addPhone = async (number: string) => {
      const phone = await wa.addPhone({ number, pushName: number });
      phone.onMessage(({ text }) => arrivals.record(text ?? "", now()));
      return phone;
    };
    const [quiet, loud, peer, loudPeer] = await Promise.all(
      ["4915590000001", "4915590000002", "4915590000003", "4915590000004"].map(addPhone),
    );
    if (!quiet || !loud || !peer || !loudPeer) throw new Error("no phones");
    await gateway.link(quiet, await gateway.addUser("quiet@example.com"));
    await gateway.link(loud, await gateway.addUser("loud@example.com"));
    for (const owner of [quiet, loud]) owner.goOffline();
    let sent = 0;
    const textsOf = (account: number, to: string, count: number): Text[] =>
      Array.from({ length: count }, () => ({ account, peer: to, text: `text ${sent++}` }));
    const arrived = async (text: string) => {
      const timer = setTimeout(() => addProblem(`${text} did not arrive`), stallMs);
      await arrivals.wait(text);
      clearTimeout(timer);
    };
    const measure = async (count: number) => {
      const texts = textsOf(0, peer.number, count);
      const times = await gateway.sendAll(texts, 1, arrived);
      return texts.map(({ text }) => (arrivals.at(text) ?? Number.NaN) - (times.get(text)?.startedAt ?? Number.NaN));
    };
    await measure(options.low);
    await gateway.sendAll(textsOf(1, loudPeer.number, options.texts / 2), options.callers);
    progress(`isolation: ${options.low} texts of a quiet user`);
    const alone = await measure(options.low);
    progress(`isolation: ${options.low} texts while another user sends with ${options.callers} callers`);
    let flooding = true;
    const flood = (async () => {
      while (flooding)
        await gateway.sendAll(textsOf(1, loudPeer.number, options.callers * 4), options.callers, arrived);
    })();
    const beside = await measure(options.low);
    flooding = false;
    await flood;
    for (const share of [0.5, 0.99]) {
      keep({
        name: `p${share * 100} of a user while another one floods`,
        unit: "ms",
        value: percentile(beside, share),
        bare: percentile(alone, share),
      });
    }
    await gateway.settled("out", sent);
  } finally {
    await gateway.stop();
    for (const problem of gateway.problems) addProblem(problem);
  }
};
