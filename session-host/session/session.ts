import type { ConnectionState } from "@whiskeysockets/baileys";
import { sealedPlace } from "../../core/crypto/sealed-place.ts";
import { AppError } from "../../core/error.ts";
import type { InstanceStatus } from "../../core/instance/instance.sql.ts";
import { accountOf } from "../baileys/account.ts";
import type { CommandTarget } from "../command/dispatch.ts";
import { RetryCounts } from "../command/retries.ts";
import { SendQueue, type SendQueueDeps } from "../command/send-queue.ts";
import { asInstance } from "../concurrency/instance-context.ts";
import type { Limiter } from "../concurrency/limiter.ts";
import type { ConnectedContext } from "../executors/types.ts";
import type { Transfers } from "../history/transfers.ts";
import { GroupReading } from "../inbound/contacts.ts";
import { type Change, noLinkCodes } from "../ledger/change.ts";
import type { MediaStage } from "../media/stage.ts";
import type { SessionVersion } from "./client-version.ts";
import { Connection, type ConnectionDeps } from "./connection.ts";
import { CredentialsMissing } from "./credentials.ts";
import { backoff, judge, type Verdict } from "./disconnect.ts";
import { PairingCodes } from "./pairing-code.ts";
import { SessionState, withCloseEvent, withCloseEventAndActivity } from "./state.ts";

export interface SessionDeps extends ConnectionDeps, Pick<SendQueueDeps, "countAttempt" | "mayStart"> {
  media: MediaStage;
  transfers: Transfers;
  version: SessionVersion;
  /** Limits how many sessions log in at once, because a first login takes a tenth of a second of CPU time. */
  logins: Limiter;
  /** Removes the instance and everything that is stored for it. */
  removeInstance: (instanceId: string) => Promise<void>;
}

/** The state of an instance in the database when the host takes it over. */
export interface SessionRow {
  id: string;
  userId: string;
  status: InstanceStatus;
  linked: boolean;
}

/**
 * A connection offers six QR codes. The first code is valid for 60 s, and the others for 20 s (Baileys, `socket.js`).
 */
const firstQrMs = 60_000;
const nextQrMs = 20_000;
const allQrMs = firstQrMs + 5 * nextQrMs;
/** QR codes are renewed for about half an hour. After that, the user must request a new QR code. */
const maxQrRounds = 12;
/** How long a request for a pairing code waits until WhatsApp offers a pairing. */
const qrTimeoutMs = 15_000;
/**
 * How long a stopping session waits for WhatsApp to acknowledge its messages. The next host sends unacknowledged
 * messages again.
 */
const finishMs = 5_000;
/** After a connection of this duration, the reconnect delay starts from its minimum again. */
const stableMs = 60_000;

/** One instance on this host. Opens its connection, reopens it when it is lost, and runs the instance's commands. */
export class Session implements CommandTarget {
  readonly id: string;
  readonly userId: string;
  readonly #deps: SessionDeps;
  readonly queue: SendQueue;
  readonly #state: SessionState;
  #connection: Connection | undefined;
  /** Whether the session should be connected. */
  #running = false;
  /** Number of connections lost in a row. */
  #losses = 0;
  /** Number of QR codes on this connection. */
  #qrCount = 0;
  /** Number of connections in a row whose QR codes all expired. */
  #qrRounds = 0;
  /** When this connection was opened or, later, when its login succeeded. Milliseconds since 1970. */
  #openedAt = 0;
  readonly #groupReading = new GroupReading();
  readonly #pairingCodes = new PairingCodes();
  readonly #retryCounts = new RetryCounts();
  #reconnectTimer: NodeJS.Timeout | undefined;
  /** Frees this session's place in `logins`. */
  #endLogin: () => void = () => undefined;
  /** Settles when the last step has ended. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Correlation id of the command that caused the current step. */
  #correlationId: string | undefined;

  constructor(deps: SessionDeps, row: SessionRow) {
    this.id = row.id;
    this.userId = row.userId;
    this.#deps = deps;
    this.#state = new SessionState(row);
    this.queue = new SendQueue({
      log: deps.log,
      record: (change) => this.record(change),
      countAttempt: deps.countAttempt,
      mayStart: deps.mayStart,
      onSilence: () => this.#lose("connection_lost"),
    });
  }

  get status(): InstanceStatus {
    return this.#state.status;
  }

  get needsUser(): boolean {
    return this.#state.needsUser;
  }

  /** The context of commands that need the connection. Undefined while the instance is not connected. */
  get context(): ConnectedContext | undefined {
    if (this.status !== "connected" || !this.#connection) return undefined;
    const { media, db } = this.#deps;
    return { ...this.#connection.open, userId: this.userId, instanceId: this.id, media, db };
  }

  get #trace() {
    return { correlationId: this.#correlationId, instanceId: this.id };
  }

  /** Makes a change durable, in order with all other changes of this session. */
  record(change: Change): Promise<void> {
    return this.#connection?.record(change) ?? this.#deps.ledger.append(this.id, change);
  }

  /** Opens the session if it is not open. */
  start(correlationId?: string): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#running) await this.#run();
    }, correlationId);
  }

  /** Closes the connection, if there is one, and opens a new connection. */
  restart(correlationId?: string): Promise<void> {
    return this.#inTurn(async () => {
      await this.queue.finish(finishMs);
      await this.#closeConnection();
      // The QR code was only valid on the closed connection.
      if (this.status === "qr") await this.#enter("connecting", null);
      await this.#run();
    }, correlationId);
  }

  /** Closes the connection because the host stops or releases the shard. The device stays linked for the next host. */
  stop(): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#running) return;
      this.#running = false;
      await this.queue.finish(finishMs);
      const status = this.#state.linked ? "connecting" : "disconnected";
      // The connection must be closed even if the state can't be stored. The next host stores its own state.
      if (this.#connection) await this.#enter(status, "host_stopped").catch(() => undefined);
      await this.#closeConnection();
    });
  }

  /**
   * Closes the connection at the user's request. The connection stays closed until the user starts the instance. The
   * device stays linked.
   */
  disable(correlationId?: string): Promise<void> {
    return this.#inTurn(async () => {
      const wasOpen = this.status === "connected";
      this.#running = false;
      await this.queue.finish(finishMs);
      await this.#closeConnection();
      // A logged-out instance stays logged out, because it can only be started by linking it again.
      const status = this.status === "logged_out" ? "logged_out" : "disconnected";
      const change = this.#state.enter(status, "disabled", { ...noLinkCodes, desired: "stopped" });
      await this.#recordStep(wasOpen ? withCloseEventAndActivity(change, "disabled", false) : change);
    }, correlationId);
  }

  /** Closes the connection because of an error that nothing handled. It is opened again after a growing delay. */
  interrupt(): void {
    this.#connection?.interrupt();
    this.#lose("internal_error");
  }

  /** Ends the session immediately because the lease is lost. Sends nothing more to WhatsApp or the database. */
  kill(): void {
    this.#running = false;
    clearTimeout(this.#reconnectTimer);
    this.queue.pause();
    this.#endLogin();
    const connection = this.#connection;
    this.#connection = undefined;
    void connection?.close();
  }

  /** Unlinks this device at WhatsApp if the session is connected, and removes the credentials. */
  logout(correlationId?: string): Promise<void> {
    return this.#inTurn(async () => {
      const wasOpen = this.status === "connected";
      await this.#unlink();
      const change = this.#state.enterLoggedOut("logout", { by: "user" });
      await this.#recordStep(wasOpen ? withCloseEvent(change, "logout", false) : change);
      await this.queue.failAll(new AppError("instance_not_connected", "the instance was logged out"));
    }, correlationId);
  }

  /** Logs out, and removes the instance and everything that is stored for it. */
  remove(correlationId?: string): Promise<void> {
    return this.#inTurn(async () => {
      await this.#unlink();
      this.queue.pause();
      await this.#deps.removeInstance(this.id);
    }, correlationId);
  }

  /** Returns a code for "Link with phone number" as soon as WhatsApp offers a pairing. */
  async requestPairingCode(phoneNumber: string, correlationId?: string): Promise<{ code: string; expiresAt: string }> {
    if (this.status === "connected") throw new AppError("instance_already_connected");
    await this.start(correlationId);
    await this.#state.until("qr", qrTimeoutMs);
    const code = await this.#pairingCodes.request(() => this.#connection?.sock, phoneNumber);
    const expiresAt = new Date(this.#openedAt + allQrMs);
    const sealed = this.#deps.vault.seal(Buffer.from(code), sealedPlace.pairingCode(this.id));
    await this.record({
      instance: { pairing_code: sealed, pairing_code_expires_at: expiresAt },
      activities: [{ action: "pairing_code_requested", details: { phoneNumber } }],
      correlationId,
    });
    return { code, expiresAt: expiresAt.toISOString() };
  }

  async #run(): Promise<void> {
    this.#running = true;
    this.#losses = 0;
    this.#qrRounds = 0;
    await this.#open();
  }

  async #open(): Promise<void> {
    clearTimeout(this.#reconnectTimer);
    if (this.status !== "connecting" && this.status !== "qr")
      await this.#recordStep(this.#state.enter("connecting", null, {}));
    this.#endLogin = await this.#deps.logins.enter();
    if (!this.#running) return this.#endLogin();
    try {
      this.#openedAt = Date.now();
      this.#qrCount = 0;
      const version = await this.#deps.version.next();
      if (!version) return await this.#onClose("client_outdated", "later");
      const connection = await Connection.open(
        this.#deps,
        { id: this.id, linked: this.#state.linked, version },
        {
          onUpdate: (update) => void this.#inTurn(() => this.#onUpdate(connection, update)),
          onAck: ({ waId, error }) => this.queue.acknowledge(waId, error),
          recall: (waId) => this.queue.recall(waId),
          retryCounts: this.#retryCounts,
          onMedia: () => this.#deps.transfers.downloads.wake(),
          onHistory: () => this.#deps.transfers.imports.wake(),
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
    // The QR code was scanned and is used up. WhatsApp now closes the connection, for a new login.
    if (update.isNewLogin) {
      this.#groupReading.forget();
      await this.#recordStep({ ...this.#state.enter("connecting", null), forgetContacts: true });
    }
    if (update.connection === "open") await this.#onOpen(connection);
    if (update.connection === "close") {
      const verdict = judge(update.lastDisconnect?.error);
      this.#deps.log.info({ ...this.#trace, ...verdict }, "the connection ended");
      if (verdict.reason === "client_outdated") this.#deps.version.refused();
      if (verdict.loggedOut) await this.#onLoggedOut(verdict.reason);
      else await this.#onClose(verdict.reason, verdict.reconnect);
    }
  }

  async #onQr(qr: string): Promise<void> {
    this.#endLogin();
    const expiresAt = new Date(Date.now() + (this.#qrCount++ === 0 ? firstQrMs : nextQrMs));
    const sealed = this.#deps.vault.seal(Buffer.from(qr), sealedPlace.qr(this.id));
    const change = this.#state.enter("qr", null, { qr: sealed, qr_expires_at: expiresAt });
    const event = {
      type: "connection.qr" as const,
      data: { sealedQr: sealed.toString("base64"), expiresAt: expiresAt.toISOString() },
    };
    await this.#recordStep({ ...change, events: [...(change.events ?? []), event] });
  }

  async #onOpen(connection: Connection): Promise<void> {
    this.#endLogin();
    this.#state.linked = true;
    this.#openedAt = Date.now();
    const account = accountOf(connection.creds);
    const now = new Date();
    const change = this.#state.enter("connected", null, {
      ...noLinkCodes,
      ...account,
      linked_at: now,
      connected_at: now,
    });
    const { phone_number: phoneNumber, lid, push_name: pushName } = account;
    const event = { type: "connection.open" as const, data: { phoneNumber, lid, pushName } };
    await this.#recordStep({
      ...change,
      events: [...(change.events ?? []), event],
      activities: [{ action: "connection_opened", details: { phoneNumber } }],
    });
    if (this.#connection !== connection) return;
    if (this.context) this.queue.resume(this.context);
    this.#deps.transfers.connected(connection);
    void this.#groupReading.read(connection);
  }

  async #onLoggedOut(reason: string): Promise<void> {
    const wasLinked = this.#state.linked;
    this.#running = false;
    await this.#closeConnection();
    const change = this.#state.enterLoggedOut(reason, { by: "whatsapp", wasLinked });
    await this.#recordStep(withCloseEvent(change, reason, false));
    await this.queue.failAll(new AppError("instance_not_connected", "WhatsApp unlinked this device"));
  }

  /** Closes the current connection for this reason, and opens another one later. */
  #lose(reason: string): void {
    const connection = this.#connection;
    if (!connection) return;
    void this.#inTurn(async () => (connection === this.#connection ? this.#onClose(reason, "later") : undefined));
  }

  /** Handles the loss of the connection: reconnects, or gives up. */
  async #onClose(reason: string, reconnect: Verdict["reconnect"]): Promise<void> {
    const wasOpen = this.status === "connected";
    const qrExpired = !this.#state.linked && this.status === "qr" && reason === "connection_lost";
    await this.#closeConnection();
    if (!this.#running) return;
    if (qrExpired && ++this.#qrRounds >= maxQrRounds) return await this.#giveUp("qr_not_scanned");
    if (reconnect === "never") return await this.#giveUp(reason);
    if (wasOpen && Date.now() - this.#openedAt > stableMs) this.#losses = 0;
    if (reason !== "restart_required" && !qrExpired) {
      const change = this.#state.enter("connecting", reason);
      // Not awaited, because a failure of the database may be the reason for the loss.
      void this.#recordStep(wasOpen ? withCloseEventAndActivity(change, reason, true) : change).catch(() => undefined);
    }
    const delayMs = reconnect === "now" || qrExpired ? 0 : backoff(this.#losses++);
    this.#reconnectTimer = setTimeout(
      () => void this.#inTurn(async () => (this.#running ? await this.#open() : undefined)),
      delayMs,
    );
  }

  /** Stays disconnected until the user starts the instance again. */
  async #giveUp(reason: string): Promise<void> {
    this.#running = false;
    const change = this.#state.enter("disconnected", reason, { ...noLinkCodes, desired: "stopped" });
    await this.#recordStep(withCloseEventAndActivity(change, reason, false)).catch(() => undefined);
  }

  /** Logs out if the session is connected, and closes the connection. */
  async #unlink(): Promise<void> {
    this.#running = false;
    clearTimeout(this.#reconnectTimer);
    const connection = this.#connection;
    if (!connection || this.status !== "connected") return await this.#closeConnection();
    this.queue.pause();
    this.#connection = undefined;
    // The gate holds the logout back until all earlier changes are durable.
    await this.#deps.ledger.drain();
    await connection.sock
      .logout()
      .catch((error: unknown) =>
        this.#deps.log.warn({ ...this.#trace, err: error }, "the logout did not reach WhatsApp"),
      );
    await connection.close();
  }

  async #closeConnection(): Promise<void> {
    clearTimeout(this.#reconnectTimer);
    this.queue.pause();
    this.#deps.transfers.disconnected();
    const connection = this.#connection;
    this.#connection = undefined;
    this.#endLogin();
    await connection?.close();
  }

  async #enter(status: InstanceStatus, reason: string | null): Promise<void> {
    await this.#recordStep(this.#state.enter(status, reason));
  }

  /** Records a change with the correlation id of the current step. */
  #recordStep(change: Change): Promise<void> {
    return this.record({ ...change, correlationId: this.#correlationId });
  }

  /** Runs a step that changes the session after all earlier steps. */
  #inTurn<Result>(work: () => Promise<Result>, correlationId?: string): Promise<Result> {
    const result = this.#turn.then(() => {
      this.#correlationId = correlationId;
      return asInstance(this.id, work);
    });
    this.#turn = result.catch((error: unknown) => {
      this.#deps.log.error({ ...this.#trace, err: error }, "a step of the session failed");
    });
    return result;
  }
}
