import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { wrapBufferKeys } from "../../core/crypto/buffer-keys.ts";
import { type Phone, startWhatsApp } from "../../infra/local/whatsapp/index.ts";
import { now } from "./clock.ts";
import type { Running, Setting } from "./gateway/process.ts";
import { Probes } from "./probes.ts";
import { endChild, probeModule, startChild } from "./subject.ts";

/*
 * What a session host holds while large documents go through it, each way. It runs in a process of its own, the rest of the
 * gateway in another, and the simulated WhatsApp with its phones and the caller in this one.
 */

const help = `node tests/bench/documents.ts [options]
  --size MIB    of each document (100)
  --rounds N    documents of each kind (2)`;

/** Between two looks at the host's memory, and between two questions to the API. Milliseconds. */
const lookMs = 20;
const patienceMs = 300_000;
const mebibyte = 2 ** 20;

interface Held {
  way: string;
  round: number;
  seconds: number;
  /** Bytes; before and after are measured when all is collected. */
  before: number;
  peak: number;
  after: number;
}

/** Answers the exit code. */
async function measure(size: number, rounds: number): Promise<number> {
  wrapBufferKeys();
  // libsignal prints sessions, private keys included.
  console.info = console.warn = () => undefined;
  const folder = await mkdtemp(join(tmpdir(), "switchboard-documents-"));
  const wa = await startWhatsApp({ port: 0, directory: folder });
  const setting: Setting = {
    host: "child",
    env: {
      PORT: "0",
      SHARDS: "1",
      DATA_DIR: join(folder, "data"),
      EGRESS_ALLOW: "127.0.0.0/8",
      WHATSAPP_URL: wa.url,
      WHATSAPP_ROOT_KEY: wa.rootKey,
      WHATSAPP_MEDIA_CA: wa.mediaCaFile ?? "",
      LOG_LEVEL: process.env.LOG_LEVEL ?? "warn",
      NODE_OPTIONS: `--import ${probeModule}`,
      BENCH_PROBES: join(folder, "gateway-probes"),
    },
  };
  const module = fileURLToPath(new URL("./gateway/process.ts", import.meta.url));
  const { child, probes } = startChild("gateway", module, folder, setting);
  try {
    const [running] = (await once(child, "message")) as [Running];
    const owner = await wa.addPhone({ number: "4915550000001", pushName: "Owner" });
    const peer = await wa.addPhone({ number: "4915550000002", pushName: "Peer" });
    const caller = new Caller(running);
    await caller.link(owner);
    const host = new HostMemory(new Probes(probes));
    const held: Held[] = [];
    for (let round = 0; round <= rounds; round++) {
      // The first is small and not shown: it pays for what is loaded and opened once.
      const document = randomBytes(round === 0 ? mebibyte : size);
      const ways = {
        "sent, from an upload": () => caller.sendUpload(document, peer),
        "sent, from a URL": () => caller.sendUrl(document, peer),
        received: () => caller.receive(document, peer, owner),
      };
      for (const [way, work] of Object.entries(ways)) {
        const one = { way, round, ...(await host.during(work)) };
        if (round > 0) held.push(one);
        wa.media.files.clear();
      }
    }
    console.log(toTable(held, size));
    return 0;
  } catch (error) {
    console.error(error);
    return 1;
  } finally {
    await endChild(child);
    await wa.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The memory of the session host alone. */
class HostMemory {
  readonly #probes: Probes;
  constructor(probes: Probes) {
    this.#probes = probes;
  }

  async during(work: () => Promise<void>): Promise<Omit<Held, "way" | "round">> {
    const { pid } = await this.#look();
    const before = await this.#settled(pid);
    const earlier = (await this.#look()).peakRss;
    let done = false;
    const startedAt = now();
    const working = work().finally(() => {
      done = true;
    });
    let peak = before;
    while (!done) {
      peak = Math.max(peak, (await this.#look()).rss);
      await Promise.race([sleep(lookMs), working.catch(() => undefined)]);
    }
    await working;
    const seconds = (now() - startedAt) / 1000;
    // What lay between two looks shows in the highest of all times, if it was that.
    const { peakRss } = await this.#look();
    if (peakRss > earlier) peak = Math.max(peak, peakRss);
    return { seconds, before, peak, after: await this.#settled(pid) };
  }

  async #look() {
    const host = (await this.#probes.residence()).find(({ program }) => program.includes("session-host"));
    if (!host) throw new Error("there is no session host with a probe");
    return host;
  }

  async #settled(pid: number): Promise<number> {
    return (await this.#probes.memory()).find((one) => one.pid === pid)?.rss ?? Number.NaN;
  }
}

/** Whoever has documents to send, over REST. */
class Caller {
  readonly #running: Running;
  #instance = "";
  constructor(running: Running) {
    this.#running = running;
  }

  async link(phone: Phone): Promise<void> {
    this.#instance = (await this.#api("POST", "/api/instances", { name: "documents" })).id as string;
    const { qrCode } = await this.#until(`/api/instances/${this.#instance}/qr`, () => true);
    await phone.scanQr(qrCode as string);
    await this.#until(`/api/whatsapp/${this.#instance}/status`, ({ status }) => status === "connected");
  }

  async sendUpload(document: Buffer, peer: Phone): Promise<void> {
    const path = `/api/whatsapp/${this.#instance}/uploads`;
    const { uploadId, url, headers } = await this.#api("POST", path, { size: document.length, filename: "a.bin" });
    const put = await fetch(url as string, {
      method: "PUT",
      headers: headers as Record<string, string>,
      body: new Uint8Array(document),
    });
    if (put.status !== 200) throw new Error(`the upload was refused: ${put.status} ${await put.text()}`);
    await this.#send({ uploadId }, document, peer);
  }

  async sendUrl(document: Buffer, peer: Phone): Promise<void> {
    const server = createServer((_request, response) => response.end(document));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    try {
      await this.#send({ url: `http://127.0.0.1:${port}/a.bin` }, document, peer);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  async #send(source: object, document: Buffer, peer: Phone): Promise<void> {
    const path = `/api/whatsapp/${this.#instance}/send-media`;
    const { id } = await this.#api("POST", path, { phone: peer.number, ...source });
    const arrived = await peer.waitFor((message) => message.id === id, { timeoutMs: patienceMs });
    if (!peer.download(arrived).equals(document)) throw new Error("the document arrived damaged");
  }

  async receive(document: Buffer, peer: Phone, owner: Phone): Promise<void> {
    const { id } = await peer.sendMedia(owner.number, "document", document, { fileName: "a.bin" });
    const sha256 = createHash("sha256").update(document).digest("hex");
    const kept = await this.#until(`/api/instances/${this.#instance}/messages/${id}/media?format=json`, () => true);
    if (kept.sha256 !== sha256) throw new Error("the document is not kept as it was sent");
  }

  async #api(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const answer = await this.#ask(method, path, body);
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as Record<string, unknown>;
  }

  #ask(method: string, path: string, body?: object): Promise<Response> {
    return fetch(new URL(path, this.#running.url), {
      method,
      headers: { "x-api-key": this.#running.apiKey ?? "", ...(body ? { "content-type": "application/json" } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  }

  async #until(path: string, good: (body: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    const end = now() + patienceMs;
    while (now() < end) {
      const answer = await this.#ask("GET", path);
      const body = (await answer.json()) as Record<string, unknown>;
      if (answer.ok && good(body)) return body;
      await sleep(lookMs);
    }
    throw new Error(`${path} did not answer what was waited for`);
  }
}

function toTable(held: readonly Held[], size: number): string {
  const mebi = (bytes: number) => (bytes / mebibyte).toFixed(0).padStart(6);
  const rows = held.map(({ way, round, seconds, before, peak, after }) =>
    [
      `| ${way.padEnd(21)} | ${String(round).padStart(5)} | ${seconds.toFixed(1).padStart(5)}`,
      ...[before, peak, after, peak - before].map(mebi),
    ]
      .join(" | ")
      .concat(" |"),
  );
  return [
    `RSS of the session host in MiB around a document of ${mebi(size).trim()} MiB`,
    "| document              | round |     s | before |   peak |  after | growth |",
    "| --------------------- | ----: | ----: | -----: | -----: | -----: | -----: |",
    ...rows,
  ].join("\n");
}

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "100" },
    rounds: { type: "string", default: "2" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) console.log(help);
else process.exitCode = await measure(Number(values.size) * mebibyte, Number(values.rounds));
