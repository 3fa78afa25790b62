import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type BinaryNode,
  ensureLTHashStateVersion,
  getBinaryNodeChild,
  getBinaryNodeChildren,
  type LTHashState,
  newLTHashState,
  proto,
  type SignalKeyStore,
  type WASocket,
} from "@whiskeysockets/baileys";
import type { Logger } from "../../core/log.ts";
import { count } from "../../core/metric/index.ts";
import { within } from "../../core/timeout.ts";
import type { HostedFile, MediaHosts } from "../media/hosts.ts";
import { inTempFolder } from "../media/temp-folder.ts";
import { AppStateKeys } from "./keys.ts";
import type { Snapshots } from "./snapshots.ts";
import { type Content, DamagedState, type Entry, MissingKeys, verify } from "./verify.ts";

export interface AppStateGuardDeps {
  sock: WASocket;
  keys: SignalKeyStore;
  snapshots: Snapshots;
  mediaHosts: Pick<MediaHosts, "download">;
  log: Logger;
  /** Called with the verified entries of a collection. Baileys reads the collection, and stores its version, afterwards. */
  onEntries: (entries: readonly Entry[]) => Promise<void>;
}

const collections = ["critical_block", "critical_unblock_low", "regular_high", "regular_low", "regular"] as const;
type Collection = (typeof collections)[number];

/** The last pause repeats. */
const pausesMs: readonly number[] = [5_000, 10_000, 60_000, 10 * 60_000, 60 * 60_000, 6 * 60 * 60_000];
/** Baileys waits for an answer for 60 s, which includes the time in which this class reads the files in it. */
const answerMs = 40_000;
/** The largest file with changes of the app state. The phone's owner can replace WhatsApp on the phone. */
const maxBytes = 64 * 1024 * 1024;

/**
 * Reads what WhatsApp answers about the app state (contacts, labels, settings) before Baileys does. Downloads the files in
 * it, and checks all MACs. Baileys gets only what is complete and verified; any other collection looks unchanged to Baileys and is
 * read again later:
 *
 * - After a wrong MAC, the collection is read again completely, as a snapshot.
 * - If a key is missing, the phone is asked for it. The collection is read completely when the key arrives.
 * - After a failed download, the changes are read again.
 *
 * A collection that must be read completely is stored with version 0, so that the next connection reads it too.
 */
export class AppStateGuard {
  readonly #deps: AppStateGuardDeps;
  readonly #keys: AppStateKeys;
  /** The states after the last verified answers. Baileys stores them only at the end of its transaction. */
  readonly #verified = new Map<string, LTHashState>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #open = true;

  constructor(deps: AppStateGuardDeps) {
    this.#deps = deps;
    const { sock, log } = deps;
    this.#keys = new AppStateKeys({ ...deps, onShared: () => this.#readAgain() });
    sock.ws.prependListener("frame", (frame: BinaryNode | Uint8Array) => {
      if (frame instanceof Uint8Array || !hasChanges(frame)) return;
      const stanza = { ...frame };
      // Nobody listens to this stanza. Its verified copy follows.
      Object.assign(frame, { tag: "held", attrs: {}, content: undefined });
      void this.#answer(stanza);
    });
    sock.ev.on("connection.update", ({ connection }) => {
      if (connection === "open")
        this.#readIncomplete().catch((error: unknown) => log.warn({ err: error }, "the app state was not read"));
    });
  }

  close(): void {
    this.#open = false;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  /** Passes an answer on to Baileys, with the verified collections. */
  async #answer(stanza: BinaryNode): Promise<void> {
    const { ws } = this.#deps.sock;
    const sync = getBinaryNodeChild(stanza, "sync");
    const content = await Promise.all(
      getBinaryNodeChildren(sync, "collection").map((collection) => this.#checked(collection)),
    );
    const verified = { ...stanza, content: [{ tag: "sync", attrs: sync?.attrs ?? {}, content }] };
    // The events that Baileys emits for the answer to a query (7.0.0-rc14, `onMessageReceived` in `Socket/socket.js`).
    ws.emit("CB:iq,,sync", verified);
    ws.emit(`TAG:${stanza.attrs.id}`, verified);
  }

  /** Returns the collection as Baileys may read it. */
  async #checked(collection: BinaryNode): Promise<BinaryNode> {
    const { name = "", version = "0" } = collection.attrs;
    if (!isCollection(name) || !hasContent(collection)) return collection;
    try {
      const late = () => new Error("the files of the app state did not arrive in time");
      const read = await within(answerMs, this.#read(name, collection), late);
      this.#failures.delete(name);
      return read;
    } catch (error) {
      await this.#fail(name, error);
      return { tag: "collection", attrs: { name, version } };
    }
  }

  async #read(name: Collection, collection: BinaryNode): Promise<BinaryNode> {
    const content = await this.#contentOf(collection);
    const before = await this.#stateBefore(name, content);
    const { state: after, entries } = await verify(name, content, before, this.#keys.find);
    await this.#deps.onEntries(entries);
    const children: BinaryNode[] = [];
    const { snapshot, patches } = content;
    if (snapshot) children.push({ tag: "snapshot", attrs: {}, content: await this.#deps.snapshots.offer(snapshot) });
    const encoded = patches.map((patch) => proto.SyncdPatch.encode(patch).finish());
    if (encoded.length > 0)
      children.push({
        tag: "patches",
        attrs: {},
        content: encoded.map((bytes) => ({ tag: "patch", attrs: {}, content: bytes })),
      });
    this.#verified.set(name, after);
    return { ...collection, content: children };
  }

  /** Decodes a collection, with the content of its files. */
  async #contentOf(collection: BinaryNode): Promise<Content> {
    const reference = bytesOf(getBinaryNodeChild(collection, "snapshot"));
    const snapshot =
      reference && proto.SyncdSnapshot.decode(await this.#fetch(decoded(proto.ExternalBlobReference, reference)));
    const patches: proto.ISyncdPatch[] = [];
    for (const bytes of patchesIn(collection).map(bytesOf)) {
      if (!bytes) continue;
      const patch = decoded(proto.SyncdPatch, bytes);
      // WhatsApp omits the version of a single patch (`extractSyncdPatches` in Baileys' Utils/chat-utils.js).
      patch.version ??= { version: Number(collection.attrs.version ?? 0) + 1 };
      if (patch.externalMutations) {
        const { mutations } = proto.SyncdMutations.decode(await this.#fetch(patch.externalMutations));
        patch.mutations = [...(patch.mutations ?? []), ...mutations];
        patch.externalMutations = null;
      }
      patches.push(patch);
    }
    return { snapshot: snapshot || undefined, patches };
  }

  async #fetch({ directPath, mediaKey }: proto.IExternalBlobReference): Promise<Buffer> {
    // Without a leading slash, the path could turn the host name into that of another host.
    if (!directPath?.startsWith("/") || !mediaKey?.length) throw new DamagedState("a reference names no file");
    const file: HostedFile = { directPath, mediaKey: Buffer.from(mediaKey), kind: "md-app-state" };
    return await inTempFolder(async (folder) => {
      const path = join(folder, "file");
      await this.#deps.mediaHosts.download(file, path, maxBytes);
      return await readFile(path);
    });
  }

  /** Returns the state to which the patches of an answer apply. */
  async #stateBefore(name: Collection, { snapshot, patches }: Content): Promise<LTHashState> {
    const version = Number(patches[0]?.version?.version ?? 0) - 1;
    if (snapshot || version === 0) return newLTHashState();
    const verified = this.#verified.get(name);
    if (verified?.version === version) return verified;
    const { [name]: stored } = await this.#deps.keys.get("app-state-sync-version", [name]);
    return stored ? ensureLTHashStateVersion(stored) : newLTHashState();
  }

  async #fail(name: Collection, error: unknown): Promise<void> {
    if (!this.#open) return;
    const { log, keys } = this.#deps;
    count("AppStateFailures");
    const failures = this.#failures.get(name) ?? 0;
    this.#failures.set(name, failures + 1);
    log.warn({ err: error, collection: name, failures }, "changes of the app state can't be read; trying again later");
    const isIncomplete = error instanceof DamagedState || error instanceof MissingKeys;
    if (isIncomplete) {
      this.#verified.delete(name);
      await keys.set({ "app-state-sync-version": { [name]: newLTHashState() } });
    }
    if (error instanceof MissingKeys) this.#keys.request(error.ids);
    // The complete collection probably has no damage.
    const soon = error instanceof DamagedState && failures === 0;
    this.#readIn(name, soon ? 0 : (pausesMs[Math.min(failures, pausesMs.length - 1)] ?? 0));
  }

  #readIn(name: Collection, ms: number): void {
    clearTimeout(this.#timers.get(name));
    if (!this.#open) return;
    const timer = setTimeout(() => {
      this.#timers.delete(name);
      this.#resync([name]);
    }, ms);
    this.#timers.set(name, timer.unref());
  }

  /** Reads the collections again whose changes could not be read. */
  #readAgain(): void {
    const waiting = [...this.#timers.keys()].filter(isCollection);
    for (const name of waiting) clearTimeout(this.#timers.get(name));
    this.#timers.clear();
    this.#resync(waiting);
  }

  /** Reads the collections that an earlier connection could not read. */
  async #readIncomplete(): Promise<void> {
    const stored = await this.#deps.keys.get("app-state-sync-version", [...collections]);
    this.#resync(collections.filter((name) => stored[name]?.version === 0));
  }

  #resync(names: readonly Collection[]): void {
    if (names.length === 0 || !this.#open) return;
    const { sock, log } = this.#deps;
    sock
      .resyncAppState(names, false)
      .catch((error: unknown) => log.warn({ err: error, collections: names }, "the app state was not read"));
  }
}

const isCollection = (name: string): name is Collection => (collections as readonly string[]).includes(name);

const patchesIn = (collection: BinaryNode): BinaryNode[] =>
  getBinaryNodeChildren(getBinaryNodeChild(collection, "patches") ?? collection, "patch");

const hasContent = (collection: BinaryNode): boolean =>
  getBinaryNodeChild(collection, "snapshot") !== undefined || patchesIn(collection).length > 0;

/** Whether a stanza is an answer with changes of the app state. */
const hasChanges = (stanza: BinaryNode): boolean =>
  stanza.tag === "iq" &&
  getBinaryNodeChildren(getBinaryNodeChild(stanza, "sync"), "collection").some((collection) => hasContent(collection));

const bytesOf = (node: BinaryNode | undefined): Uint8Array | undefined =>
  node?.content instanceof Uint8Array ? node.content : undefined;

/** Decodes bytes of WhatsApp. Throws `DamagedState` if they are not such a message. */
function decoded<Message>(type: { decode(bytes: Uint8Array): Message }, bytes: Uint8Array): Message {
  try {
    return type.decode(bytes);
  } catch (error) {
    throw new DamagedState("a part of the answer can't be decoded", { cause: error });
  }
}
