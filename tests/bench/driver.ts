import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { wrapBufferKeys } from "../../core/crypto/buffer-keys.ts";
import { startWhatsApp } from "../../simulator/index.ts";
import type { WhatsApp } from "../../simulator/server/whatsapp.ts";
import { Bare } from "./bare/subject.ts";
import { WholeGateway } from "./gateway/subject.ts";
import { latencyOf, type Options, type Part } from "./options.ts";
import { measureLoad, prepareLoad } from "./part/load.ts";
import { measureMemory } from "./part/memory.ts";
import type { Figure, Holding, Report, Round, Study } from "./result/result.ts";
import type { Subject } from "./subject.ts";

/*
 * This process runs the simulated WhatsApp with its phones, the callers and the webhook receiver. It starts the processes
 * under test.
 */

wrapBufferKeys();
// libsignal prints sessions, private keys included.
console.info = console.warn = () => undefined;

const options = JSON.parse(process.argv[2] ?? "") as Options;
const report = (message: Report) => process.send?.(message);
const progress = (text: string) => report({ progress: text });
const problems: string[] = [];
const rounds: Round[] = [];
const holdings: Holding[] = [];
const figures: Figure[] = [];
/** Loads the parts of the benchmark. Each part is in its own module, which is loaded only if the part runs. */
const studies: Partial<Record<Part, () => Promise<Study>>> = {
  webhooks: async () => (await import("./part/webhooks.ts")).webhooks,
  history: async () => (await import("./part/history.ts")).history,
  documents: async () => (await import("./part/documents.ts")).documents,
  bulk: async () => (await import("./part/bulk.ts")).bulk,
  start: async () => (await import("./part/start.ts")).start,
  counts: async () => (await import("./part/counts.ts")).counts,
  restart: async () => (await import("./part/restart.ts")).restart,
  isolation: async () => (await import("./part/isolation.ts")).isolation,
};
let repeatedWebhooks = 0;
// Without the parent, no process needs the result. The processes under test end together with this one.
process.once("disconnect", () => process.exit());

/** The programs to compare, each with a function that starts it. */
const starts: readonly ((wa: WhatsApp, folder: string) => Promise<Subject>)[] = [
  (wa, folder) => Bare.start(wa, join(folder, "bare")),
  ...(options.before === undefined ? [] : [options.before]).map(
    (root) => (wa: WhatsApp, folder: string) => WholeGateway.start(wa, join(folder, "before"), options, { root }),
  ),
  (wa, folder) => WholeGateway.start(wa, join(folder, "gateway"), options),
];

async function load(wa: WhatsApp, folder: string): Promise<void> {
  const running: Subject[] = [];
  try {
    for (const start of starts) running.push(await start(wa, folder));
    const loaded = [];
    for (const [index, subject] of running.entries()) {
      progress(`linking ${options.accounts} accounts of ${subject.name}`);
      loaded.push(await prepareLoad(wa, subject, String(index), options));
    }
    await measureLoad(loaded, options, (round) => rounds.push(round), progress);
  } finally {
    for (const subject of running) await end(subject);
  }
}

async function memory(wa: WhatsApp, folder: string): Promise<void> {
  for (const [index, start] of starts.entries()) {
    const subject = await start(wa, folder);
    try {
      await measureMemory(wa, subject, String(7 + index), options, (holding) => holdings.push(holding), progress);
    } finally {
      await end(subject);
    }
  }
}

/** Stops a subject and keeps its problems. */
async function end(subject: Subject): Promise<void> {
  await subject.stop();
  problems.push(...subject.problems.map((problem) => `${subject.name}: ${problem}`));
  if (subject instanceof WholeGateway) repeatedWebhooks += subject.repeated;
}

/** Adds a problem for everything that the simulated WhatsApp or its phones did not understand. */
function addSimulatorProblems(wa: WhatsApp): void {
  if (wa.unknown.length > 0) problems.push(`WhatsApp got an unknown request: ${JSON.stringify(wa.unknown[0])}`);
  for (const phone of wa.phones) {
    for (const error of phone.errors.slice(0, 1)) problems.push(`the phone ${phone.number}: ${error.message}`);
  }
}

const folder = await mkdtemp(join(tmpdir(), "switchboard-bench-"));
const latency = latencyOf(options.latency);
const wa = await startWhatsApp({
  port: 0,
  directory: folder,
  ...(latency && { latency: { ...latency, seed: 1 } }),
  // The benchmark writes to hundreds of new people at full speed.
  relax: ["account_lookup_limit", "prekey_lookup_limit"],
});
try {
  if (options.parts.includes("load")) await load(wa, join(folder, "load"));
  if (options.parts.includes("memory")) await memory(wa, join(folder, "idle"));
  for (const part of options.parts) {
    const study = await studies[part]?.();
    const keep = (figure: Figure) => figures.push(figure);
    const addProblem = (problem: string) => problems.push(problem);
    await study?.({ wa, folder: join(folder, part), options, keep, progress, addProblem });
  }
  addSimulatorProblems(wa);
} catch (error) {
  problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
} finally {
  await wa.stop();
  if (problems.length === 0) await rm(folder, { recursive: true, force: true });
  else progress(`the logs are kept in ${folder}`);
}
process.send?.({ result: { rounds, holdings, figures, repeatedWebhooks, problems } } satisfies Report, () =>
  process.disconnect(),
);
