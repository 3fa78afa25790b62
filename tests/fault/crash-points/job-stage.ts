import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "../../support/until.ts";
import { type Account, connected, linkAccount } from "../suite/world/accounts.ts";
import { Rest } from "../suite/world/rest.ts";
import { World } from "../suite/world/world.ts";
import type { Job, JobScene } from "./jobs.ts";
import { disarm, order, reachedBy } from "./orders.ts";
import { writeSources } from "./sources.ts";

const hook = fileURLToPath(new URL("./hook.ts", import.meta.url));
const gateway = "host-0";
/** How long the gateway may take to store a text, in milliseconds. */
const storeMs = 120_000;

/** A gateway in one process, which is killed while it works on a job, and an API in another process, which isn't. */
export class JobStage {
  readonly #world: World;
  readonly #rest: Rest;
  readonly #account: Account;
  #people = 0;
  #settings = "";

  static async start(folder: string): Promise<JobStage> {
    const file = join(folder, "sources.json");
    writeSources(file);
    const world = await World.start({
      folder,
      path: "direct",
      whole: true,
      hosts: 1,
      workers: 0,
      shards: 1,
      nodeArguments: { gateway: ["--import", hook] },
      env: { CRASH_POINTS_SOURCES: file },
    });
    const rest = new Rest(world, { only: "api" });
    const account = await linkAccount(world, rest, 0);
    account.owner.goOnline();
    return new JobStage(world, rest, account);
  }

  private constructor(world: World, rest: Rest, account: Account) {
    this.#world = world;
    this.#rest = rest;
    this.#account = account;
  }

  /** What the simulated WhatsApp or a phone did not understand. */
  get complaints(): string[] {
    const { wa } = this.#world;
    return [
      ...wa.unknown.map(({ reason, stanza }) => `${reason} ${stanza}`),
      ...wa.phones.flatMap(({ number, errors }) => errors.map(({ message }) => `${number}: ${message}`)),
    ];
  }

  /** Runs a job without a kill. Returns the crash points in its files that the gateway reaches. */
  async discover(job: Job): Promise<string[]> {
    const scene = await this.#scene(job);
    order(this.#world.process(gateway), { crashPoints: "record" });
    const end = await job.start(scene);
    await end();
    const reached = await reachedBy(this.#world.process(gateway));
    return (reached ?? []).filter((point) => job.files.test(point)).sort();
  }

  /** Kills the gateway at a crash point of a job, starts it again, and checks the result of the job. Returns whether it was killed. */
  async kill(job: Job, at: string): Promise<boolean> {
    const scene = await this.#scene(job);
    const child = this.#world.process(gateway);
    const waiting = new AbortController();
    const restarted = once(child.process, "exit", { signal: waiting.signal }).then(
      () => this.#world.start(gateway),
      () => undefined,
    );
    order(child, { crashPoints: "stop", at });
    try {
      const end = await job.start(scene);
      await end();
    } catch (error) {
      throw new Error(`${job.name}, killed at ${at}: ${error}`, { cause: error });
    }
    const goesOn = await disarm(child);
    if (goesOn) waiting.abort();
    await restarted;
    return !goesOn;
  }

  async stop(): Promise<void> {
    await this.#rest.close();
    await this.#world.stop();
  }

  /** Applies the settings of a job, and lets a new person send a text. */
  async #scene({ settings = {} }: Job): Promise<JobScene> {
    const { id, owner } = this.#account;
    await connected(this.#rest, id);
    const body = { autoRead: null, rejectCalls: null, ...settings };
    if (JSON.stringify(body) !== this.#settings) await this.#rest.repeat("PUT", `/api/instances/${id}`, { body });
    this.#settings = JSON.stringify(body);
    const of = this.#people++;
    const number = `49177${String(of).padStart(7, "0")}`;
    const person = await this.#world.wa.addPhone({ number, pushName: `Person ${of}` });
    const text = `text ${of} of ${number}`;
    const sent = await person.sendText(owner.number, text);
    await until(
      async () =>
        (
          await this.#world.query((sql) => sql`select from messages where instance_id = ${id} and wa_id = ${sent.id}`)
        )[0],
      storeMs,
    );
    return { world: this.#world, rest: this.#rest, account: this.#account, person, text, textId: sent.id };
  }
}
