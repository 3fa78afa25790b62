import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Phone } from "../../../simulator/index.ts";
import { now } from "../clock.ts";
import type { Running, Setting } from "../gateway/process.ts";
import type { Study } from "../result/result.ts";
import { endChild, firstMessage, probeModule, startChild } from "../subject.ts";
import { Probes } from "./probes.ts";

/** Interval of memory samples and of API polls in milliseconds. */
const pollMs = 20;
const patienceMs = 300_000;
const mebibyte = 2 ** 20;

interface MemoryUse {
  /** Bytes. `before` and `after` are measured after garbage collection. */
  before: number;
  peak: number;
  after: number;
}

/**
 * Measures the memory of a session host while it sends and receives large documents. The host runs in a separate process,
 * the rest of the gateway in another, and the simulated WhatsApp with its phones and the caller in this one.
 */
export const documents: Study = async ({ wa, folder, options, keep, progress }) => {
  const size = (options.quick ? 10 : 100) * mebibyte;
  const setting: Setting = {
    host: "child",
    env: {
      PORT: "0",
      SHARDS: "1",
      DATA_DIR: join(folder, "data"),
      EGRESS_ALLOW: "127.0.0.0/8",
      RATE_LIMIT: "0",
      WHATSAPP_URL: wa.url,
      WHATSAPP_ROOT_KEY: wa.rootKey,
      WHATSAPP_MEDIA_CA: wa.mediaCaFile ?? "",
      LOG_LEVEL: "warn",
      NODE_OPTIONS: `--import ${probeModule}`,
      BENCH_PROBES: join(folder, "gateway-probes"),
    },
  };
  const module = fileURLToPath(new URL("../gateway/process.ts", import.meta.url));
  const { child, probes } = startChild("gateway", module, folder, setting);
  try {
    const running = await firstMessage<Running>(child);
    const owner = await wa.addPhone({ number: "4915570000001", pushName: "Owner" });
    const peer = await wa.addPhone({ number: "4915570000002", pushName: "Peer" });
    const caller = new Caller(running);
    await caller.link(owner);
    const host = new HostMemory(new Probes(probes));
    // The first document is small and doesn't count: it loads modules and opens connections.
    for (let round = 0; round <= options.rounds; round++) {
      const document = randomBytes(round === 0 ? mebibyte : size);
      const ways = {
        "sent from an upload": () => caller.sendUpload(document, peer),
        "sent from a URL": () => caller.sendUrl(document, peer),
        received: () => caller.receive(document, peer, owner),
      };
      for (const [way, work] of Object.entries(ways)) {
        const { before, peak, after } = await host.during(work);
        wa.media.files.clear();
        if (round === 0) continue;
        const name = `document of ${size / mebibyte} MiB ${way}, round ${round}`;
        progress(name);
        keep({ name: `${name}: growth of the host's RSS`, unit: "MiB", value: (peak - before) / mebibyte });
        keep({ name: "— growth that remains afterwards", unit: "MiB", value: (after - before) / mebibyte });
      }
    }
  } finally {
    await endChild(child);
  }
};

/** The memory of the session host alone. */
class HostMemory {
  readonly #probes: Probes;
  constructor(probes: Probes) {
    this.#probes = probes;
  }

  async during(work: () => Promise<void>): Promise<MemoryUse> {
    const { pid } = await this.#sample();
    const before = await this.#settled(pid);
    const earlier = (await this.#sample()).peakRss;
    let done = false;
    const working = work().finally(() => {
      done = true;
    });
    let peak = before;
    while (!done) {
      peak = Math.max(peak, (await this.#sample()).rss);
      await Promise.race([sleep(pollMs), working.catch(() => undefined)]);
    }
    await working;
    // A peak between two samples shows in the process's peak, if it is the highest so far.
    const { peakRss } = await this.#sample();
    if (peakRss > earlier) peak = Math.max(peak, peakRss);
    return { before, peak, after: await this.#settled(pid) };
  }

  async #sample() {
    const host = (await this.#probes.residence()).find(({ program }) => program.includes("session-host"));
    if (!host) throw new Error("no session host has a probe");
    return host;
  }

  async #settled(pid: number): Promise<number> {
    return (await this.#probes.memory()).find((one) => one.pid === pid)?.rss ?? Number.NaN;
  }
}

/** A client of the REST API that sends and receives documents. */
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
    if (put.status !== 200) throw new Error(`the upload was rejected: ${put.status} ${await put.text()}`);
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
    if (kept.sha256 !== sha256) throw new Error("the stored document differs from the sent one");
  }

  async #api(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const answer = await this.#request(method, path, body);
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as Record<string, unknown>;
  }

  #request(method: string, path: string, body?: object): Promise<Response> {
    return fetch(new URL(path, this.#running.url), {
      method,
      headers: { "x-api-key": this.#running.apiKey ?? "", ...(body ? { "content-type": "application/json" } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  }

  async #until(path: string, isExpected: (body: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    const end = now() + patienceMs;
    while (now() < end) {
      const answer = await this.#request("GET", path);
      const body = (await answer.json()) as Record<string, unknown>;
      if (answer.ok && isExpected(body)) return body;
      await sleep(pollMs);
    }
    throw new Error(`${path} did not return the expected value in time`);
  }
}
