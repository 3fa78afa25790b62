import { isDeepStrictEqual } from "node:util";
import { eq } from "drizzle-orm";
import { AppError } from "../../../core/error.ts";
import { isAutoRead, isIgnored, type Place } from "../../../core/instance/incoming.ts";
import { instances } from "../../../core/instance/instance.sql.ts";
import { readSessionSettings, type SessionSettings } from "../../../core/instance/session-settings.ts";
import type { EffectiveSettings } from "../../../core/instance/setting/effective.ts";
import { readEffectiveSettings } from "../../../core/instance-management/effective-settings.ts";
import type { Change } from "../../ledger/change.ts";
import type { ConnectionDeps } from "./connection-parts.ts";

/** The settings of one instance as its session uses them. They are read again when their user has changed them. */
export class LiveSettings {
  readonly #deps: Pick<ConnectionDeps, "db" | "vault" | "retention">;
  readonly #instanceId: string;
  #current: SessionSettings | undefined;
  /** The settings with which the session was opened last. */
  #opened: SessionSettings | undefined;
  /** Reads run one after another, so that an older result never replaces a newer one. */
  #turn: Promise<unknown> = Promise.resolve();

  readonly #alsoApply: () => Promise<void>;

  /** `alsoApply` reads the settings that others use, when they have changed. */
  constructor(
    deps: Pick<ConnectionDeps, "db" | "vault" | "retention">,
    instanceId: string,
    alsoApply: () => Promise<void>,
  ) {
    this.#deps = deps;
    this.#alsoApply = alsoApply;
    this.#instanceId = instanceId;
  }

  /** The settings as they were read last. Call this after `load`. */
  get current(): SessionSettings {
    if (!this.#current) throw new Error("the settings of the session are not read yet");
    return this.#current;
  }

  /** Reads the settings. Throws if they can't be read. */
  load(): Promise<SessionSettings> {
    const loaded = this.#turn.then(async () => {
      this.#current = await readSessionSettings(this.#deps, this.#instanceId);
      return this.#current;
    });
    this.#turn = loaded.catch(() => undefined);
    return loaded;
  }

  /** Reads the settings for a new connection. Throws if they can't be read. */
  async loadToOpen(): Promise<SessionSettings> {
    this.#opened = await this.load();
    return this.#opened;
  }

  get needsReconnect(): boolean {
    if (!this.#opened || !this.#current || this.#current.desired !== "running") return false;
    const { presence, proxy, deviceName, linkedAt } = this.#current;
    return (
      presence !== this.#opened.presence ||
      !isDeepStrictEqual(proxy, this.#opened.proxy) ||
      (linkedAt === null && deviceName !== this.#opened.deviceName)
    );
  }

  async readEffective(): Promise<EffectiveSettings> {
    const { db, retention } = this.#deps;
    const [row] = await db.orm.select().from(instances).where(eq(instances.id, this.#instanceId));
    if (!row) throw new AppError("instance_not_found");
    return await readEffectiveSettings({ db, retention }, row);
  }

  /** Makes the session use the settings as they are now. */
  async apply(): Promise<void> {
    await Promise.all([this.load(), this.#alsoApply()]);
  }

  /** Reads the settings again, unless those that were changed at this time are in use already. */
  async refresh(changedAt: Date): Promise<void> {
    if (this.#current && this.#current.settingsAt?.getTime() !== changedAt.getTime()) await this.apply();
  }

  readonly ignores = (place: Place): boolean => isIgnored(this.#current?.ignore ?? null, place);

  /** Marks those messages of a change that the instance reads on its own. */
  withAutoRead(change: Change): Change {
    const rules = this.current.autoRead;
    if (!rules || !change.messages) return change;
    const messages = change.messages.map((message) =>
      !message.from_me && message.type !== "reaction" && isAutoRead(rules, message.chat_id)
        ? { ...message, autoRead: true as const }
        : message,
    );
    return { ...change, messages };
  }

  /** Whether any message is ignored. */
  get ignoresAny(): boolean {
    return Boolean(this.#current?.ignore);
  }
}
