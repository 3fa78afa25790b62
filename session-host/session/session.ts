import type { ConnectionState } from "@whiskeysockets/baileys";
import { AppError } from "../../core/error.ts";
import type { InstanceStatus } from "../../core/instance/instance.sql.ts";
import { accountOf } from "../baileys/account.ts";
import type { CommandTarget } from "../command/dispatch.ts";
import { SendQueue } from "../command/send-queue.ts";
import type { Limiter } from "../concurrency/limiter.ts";
import type { ConnectedContext } from "../executors/types.ts";
import { GroupReading } from "../inbound/contacts.ts";
import { type Change, type InstanceFields, noQr } from "../ledger/change.ts";
import type { MediaStage } from "../media/media.ts";
import type { SessionVersion } from "./client-version.ts";
import { Connection, type ConnectionDeps } from "./connection.ts";
import { CredentialsMissing } from "./credentials.ts";
import { backoff, judge } from "./disconnect.ts";
import { StatusWaiters } from "./status-waiters.ts";

export interface SessionDeps extends ConnectionDeps {
  media: MediaStage;
  version: SessionVersion;
  /** Bounds how many sessions log in at once: a first login costs a tenth of a second of CPU. */
  logins: Limiter;
  countAttempt: (commandId: string) => Promise<number>;
  /** Removes the instance and all that is kept of it. */
  removeInstance: (instanceId: string) => Promise<void>;
}

/** What the host knows of an instance when it takes it over. */
export interface SessionRow {
  id: string;
  status: InstanceStatus;
  linked: boolean;
}

/** WhatsApp's QR codes live 60 s the first time, 20 s then (Baileys, `socket.js`); six of them to a connection. */
const firstQrMs = 60_000;
const nextQrMs = 20_000;
/** A QR code that nobody scans is renewed for about half an hour, then the user has to ask again. */
const maxQrRounds = 12;
/** A host that stops waits so long for WhatsApp to acknowledge what is under way; its successor sends the rest again. */
const finishMs = 5_000;
/** A connection that lasted so long counts as good: the next loss begins again with a short pause. */
const stableMs = 60_000;

/** One instance on this host: opens its connection, opens it again when it is lost, and runs its commands. */
export class Session implements CommandTarget {
  readonly id: string;
  readonly #deps: SessionDeps;
  readonly queue: SendQueue;
  #status: InstanceStatus;
  #linked: boolean;
  #connection: Connection | undefined;
  #running = false;
  #tries = 0;
  #qrCount = 0;
  #qrRounds = 0;
  #openedAt = 0;
  readonly #groups = new GroupReading();
  #retry: NodeJS.Timeout | undefined;
  #endLogin: () => void = () => undefined;
  #turn: Promise<unknown> = Promise.resolve();
  /** Correlation id of the command that what is done now is done for. */
  #cause: string | undefined;
  readonly #waiters = new StatusWaiters();

  constructor(deps: SessionDeps, row: SessionRow) {
    this.id = row.id;
    this.#deps = deps;
    this.#status = row.status;
    this.#linked = row.linked;
    this.queue = new SendQueue({
      log: deps.log,
      record: (change) => this.record(change),
      countAttempt: deps.countAttempt,
      onSilence: () => void this.#inTurn(() => this.#onClose("connection_lost", "later")),
    });
  }

  get status(): InstanceStatus {
    return this.#status;
  }

  /** Opens the session if it is not open. */
  start(cause?: string): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#running) return;
      this.#running = true;
      this.#tries = 0;
      this.#qrRounds = 0;
      await this.#open();
    }, cause);
  }

  restart(cause?: string): Promise<void> {
    return this.#inTurn(async () => {
      await this.queue.finish(finishMs);
      await this.#closeConnection();
      // With its socket the code is gone that a phone could have scanned.
      if (this.#status === "qr") await this.#setStatus("connecting", null, { ...noQr });
      this.#running = true;
      this.#tries = 0;
      this.#qrRounds = 0;
      await this.#open();
    }, cause);
  }

  /** Ends the socket and keeps the link: another host, or a later start, goes on with it. */
  stop(): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#running) return;
      this.#running = false;
      await this.queue.finish(finishMs);
      const status = this.#linked ? "connecting" : "disconnected";
      // A status that cannot be kept must not keep the socket open; the next host sets its own.
      if (this.#connection) await this.#setStatus(status, "host_stopped", { ...noQr }).catch(() => undefined);
      await this.#closeConnection();
    });
  }

  /** As the user wants it: the socket ends, the link stays, and nobody opens it again before the user asks. */
  disable(cause?: string): Promise<void> {
    return this.#inTurn(async () => {
      const wasOpen = this.#status === "connected";
      this.#running = false;
      await this.queue.finish(finishMs);
      await this.#closeConnection();
      // One that has no link stays what it is: to enable it again is to link it.
      const status = this.#status === "logged_out" ? "logged_out" : "disconnected";
      const change = this.#statusChange(status, "disabled", { ...noQr, desired: "stopped" });
      await this.record(wasOpen ? this.#closed(change, "disabled", false) : change);
    }, cause);
  }

  /** The lease is gone: nothing more is said to WhatsApp or the database. */
  kill(): void {
    this.#running = false;
    clearTimeout(this.#retry);
    this.queue.pause();
    this.#endLogin();
    const connection = this.#connection;
    this.#connection = undefined;
    void connection?.close();
  }

  /** Tells WhatsApp that this device goes, if it can be told, and forgets the credentials. */
  logout(cause?: string): Promise<void> {
    return this.#inTurn(async () => {
      const wasOpen = this.#status === "connected";
      await this.#unlink();
      const change = this.#statusChange("logged_out", "logout", { ...noQr, linked_at: null, desired: "stopped" });
      const close = { type: "connection.close" as const, data: { reason: "logout", willReconnect: false } };
      await this.record({
        ...change,
        forgetSession: true,
        events: [...(change.events ?? []), ...(wasOpen ? [close] : [])],
        activities: [{ action: "logged_out", details: { by: "user" } }],
      });
      this.#linked = false;
      await this.queue.failAll(new AppError("instance_not_connected", "the instance was logged out"));
    }, cause);
  }

  remove(cause?: string): Promise<void> {
    return this.#inTurn(async () => {
      await this.#unlink();
      this.queue.pause();
      await this.#deps.removeInstance(this.id);
    }, cause);
  }

  /** A code for "Link with phone number". Waits for WhatsApp to offer a pairing, then asks for the code. */
  async requestPairingCode(phoneNumber: string, cause?: string): Promise<{ code: string; expiresAt: string }> {
    if (this.#status === "connected") throw new AppError("instance_already_connected");
    await this.start(cause);
    if (this.#status !== "qr") await this.#waiters.until("qr", 15_000);
    const connection = this.#connection;
    if (!connection) throw new AppError("whatsapp_error", "WhatsApp offers no pairing now");
    const code = await connection.sock.requestPairingCode(phoneNumber);
    const expiresAt = new Date(this.#openedAt + firstQrMs + 5 * nextQrMs);
    const sealed = this.#deps.vault.seal(Buffer.from(code), `pairing-code:${this.id}`);
    await this.record({
      instance: { pairing_code: sealed, pairing_code_expires_at: expiresAt },
      activities: [{ action: "pairing_code_requested", details: { phoneNumber } }],
      correlationId: cause,
    });
    return { code, expiresAt: expiresAt.toISOString() };
  }

  /** What a command that needs the connection works with; undefined while there is none. */
  get context(): ConnectedContext | undefined {
    if (this.#status !== "connected" || !this.#connection) return undefined;
    const { sock, presences, disappearing, labels } = this.#connection;
    const { media, db } = this.#deps;
    return { instanceId: this.id, sock, presences, disappearing, labels, media, db };
  }

  get #trace() {
    return { correlationId: this.#cause, instanceId: this.id };
  }

  /** Whether this instance, as it is now, will ever be connected without its user's doing. */
  get needsUser(): boolean {
    return this.#status === "logged_out" || (!this.#linked && this.#status === "disconnected");
  }

  /** Makes a change durable, in order with everything else of this session. */
  record(change: Change): Promise<void> {
    return this.#connection?.record(change) ?? this.#deps.ledger.append(this.id, change);
  }

  async #open(): Promise<void> {
    clearTimeout(this.#retry);
    if (this.#status !== "connecting" && this.#status !== "qr") await this.#setStatus("connecting", null, {});
    this.#endLogin = await this.#deps.logins.enter();
    if (!this.#running) return this.#endLogin();
    try {
      this.#openedAt = Date.now();
      this.#qrCount = 0;
      const version = await this.#deps.version.next();
      if (!version) return await this.#onClose("client_outdated", "later");
      const connection = await Connection.open(
        this.#deps,
        { id: this.id, linked: this.#linked, version },
        {
          onUpdate: (update) => void this.#inTurn(() => this.#onUpdate(connection, update)),
          onAck: ({ waId, error }) => this.queue.acknowledge(waId, error),
          recall: (waId) => this.queue.recall(waId),
          onMedia: () => this.#deps.media.wake(this.id),
        },
      );
      this.#connection = connection;
    } catch (error) {
      this.#deps.log.error({ ...this.#trace, err: error }, "the session cannot be opened");
      this.#endLogin();
      if (error instanceof CredentialsMissing) return await this.#onClose("credentials_missing", "never");
      await this.#onClose("connection_lost", "later");
    }
  }

  async #onUpdate(connection: Connection, update: Partial<ConnectionState>): Promise<void> {
    if (connection !== this.#connection) return;
    if (update.qr) await this.#onQr(update.qr);
    // Scanned: that code is worth nothing now, and WhatsApp will ask us to connect again.
    if (update.isNewLogin) {
      this.#groups.forget();
      await this.record({ ...this.#statusChange("connecting", null, { ...noQr }), forgetContacts: true });
    }
    if (update.connection === "open") await this.#onOpen(connection);
    if (update.connection === "close") {
      const verdict = judge(update.lastDisconnect?.error);
      this.#deps.log.info({ ...this.#trace, ...verdict }, "a connection has ended");
      if (verdict.reason === "client_outdated") this.#deps.version.refused();
      if (verdict.loggedOut) await this.#onLoggedOut(verdict.reason);
      else await this.#onClose(verdict.reason, verdict.reconnect);
    }
  }

  async #onQr(qr: string): Promise<void> {
    this.#endLogin();
    const expiresAt = new Date(Date.now() + (this.#qrCount++ === 0 ? firstQrMs : nextQrMs));
    const sealed = this.#deps.vault.seal(Buffer.from(qr), `qr:${this.id}`);
    const change = this.#statusChange("qr", null, { qr: sealed, qr_expires_at: expiresAt });
    const event = {
      type: "connection.qr" as const,
      data: { sealedQr: sealed.toString("base64"), expiresAt: expiresAt.toISOString() },
    };
    await this.record({ ...change, events: [...(change.events ?? []), event] });
  }

  async #onOpen(connection: Connection): Promise<void> {
    this.#endLogin();
    this.#linked = true;
    this.#openedAt = Date.now();
    const facts = accountOf(connection.creds);
    const change = this.#statusChange("connected", null, {
      ...noQr,
      ...facts,
      linked_at: new Date(),
      connected_at: new Date(),
    });
    const { phone_number: phoneNumber, lid, push_name: pushName } = facts;
    const event = { type: "connection.open" as const, data: { phoneNumber, lid, pushName } };
    await this.record({
      ...change,
      events: [...(change.events ?? []), event],
      activities: [{ action: "connection_opened", details: { phoneNumber } }],
    });
    if (this.#connection !== connection) return;
    if (this.context) this.queue.resume(this.context);
    this.#deps.media.connected(this.id, connection);
    void this.#groups.read(connection);
  }

  async #onLoggedOut(reason: string): Promise<void> {
    const wasLinked = this.#linked;
    this.#linked = false;
    this.#running = false;
    await this.#closeConnection();
    const change = this.#statusChange("logged_out", reason, { ...noQr, linked_at: null, desired: "stopped" });
    const event = { type: "connection.close" as const, data: { reason, willReconnect: false } };
    await this.record({
      ...change,
      forgetSession: true,
      events: [...(change.events ?? []), event],
      activities: [{ action: "logged_out", details: { by: "whatsapp", wasLinked } }],
    });
    await this.queue.failAll(new AppError("instance_not_connected", "WhatsApp has ended the link of this device"));
  }

  async #onClose(reason: string, reconnect: "now" | "later" | "never"): Promise<void> {
    const wasOpen = this.#status === "connected";
    const unscanned = !this.#linked && this.#status === "qr" && reason === "connection_lost";
    await this.#closeConnection();
    if (!this.#running) return;
    if (wasOpen && Date.now() - this.#openedAt > stableMs) this.#tries = 0;
    if (unscanned && ++this.#qrRounds >= maxQrRounds) {
      reconnect = "never";
      reason = "qr_not_scanned";
    }
    if (reconnect === "never") {
      this.#running = false;
      const change = this.#statusChange("disconnected", reason, { ...noQr, desired: "stopped" });
      await this.record(this.#closed(change, reason, false)).catch(() => undefined);
      return;
    }
    if (reason !== "restart_required" && !unscanned) {
      const change = this.#statusChange("connecting", reason, { ...noQr });
      // The database may be the reason: then it hears of this when it is back.
      void this.record(wasOpen ? this.#closed(change, reason, true) : change).catch(() => undefined);
    }
    const pause = reconnect === "now" || unscanned ? 0 : backoff(this.#tries++);
    this.#retry = setTimeout(
      () => void this.#inTurn(async () => (this.#running ? await this.#open() : undefined)),
      pause,
    );
  }

  #closed(change: Change, reason: string, willReconnect: boolean): Change {
    const event = { type: "connection.close" as const, data: { reason, willReconnect } };
    return {
      ...change,
      events: [...(change.events ?? []), event],
      activities: [{ action: "connection_closed", details: { reason, willReconnect } }],
    };
  }

  async #unlink(): Promise<void> {
    this.#running = false;
    clearTimeout(this.#retry);
    const connection = this.#connection;
    if (connection && this.#status === "connected") {
      this.queue.pause();
      this.#connection = undefined;
      // Through the gate like everything else: what was recorded before must be durable first.
      await this.#deps.ledger.drain();
      await connection.sock
        .logout()
        .catch((error: unknown) =>
          this.#deps.log.warn({ ...this.#trace, err: error }, "WhatsApp was not told of a logout"),
        );
      await connection.close();
      return;
    }
    await this.#closeConnection();
  }

  async #closeConnection(): Promise<void> {
    clearTimeout(this.#retry);
    this.queue.pause();
    this.#deps.media.disconnected(this.id);
    const connection = this.#connection;
    this.#connection = undefined;
    this.#endLogin();
    await connection?.close();
  }

  async #setStatus(status: InstanceStatus, reason: string | null, fields: InstanceFields): Promise<void> {
    await this.record(this.#statusChange(status, reason, fields));
  }

  #statusChange(status: InstanceStatus, reason: string | null, fields: InstanceFields): Change {
    const changed = status !== this.#status;
    this.#status = status;
    this.#waiters.reached(status);
    return {
      instance: { ...fields, status, status_reason: reason, ...(changed ? { status_at: new Date() } : {}) },
      events: changed ? [{ type: "connection.update", data: { status, reason } }] : [],
      correlationId: this.#cause,
    };
  }

  /** What changes the session happens one after another. */
  #inTurn<Result>(work: () => Promise<Result>, cause?: string): Promise<Result> {
    const result = this.#turn.then(() => {
      this.#cause = cause;
      return work();
    });
    this.#turn = result.catch((error: unknown) => {
      this.#deps.log.error({ ...this.#trace, err: error }, "a step of the session failed");
    });
    return result;
  }
}
