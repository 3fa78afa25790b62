import type { ConnectionState } from "@whiskeysockets/baileys";
import { AppError } from "../../core/error.ts";
import type { InstanceStatus } from "../../core/instance/instance.sql.ts";
import { accountOf, deviceOf } from "../baileys/account.ts";
import type { CommandTarget } from "../command/dispatch.ts";
import { Brake } from "../command/limit/brake.ts";
import { RetryCounts } from "../command/send/retries.ts";
import { SendQueue } from "../command/send/send-queue.ts";
import type { ConnectedContext } from "../executors/types.ts";
import { GroupReading } from "../inbound/contacts.ts";
import { type Change, noLinkCodes } from "../ledger/change.ts";
import { Connection } from "./connection/connection.ts";
import { closing, judge, outdated, type Verdict } from "./connection/disconnect.ts";
import { LiveSettings } from "./connection/live-settings.ts";
import type { Login } from "./connection/login-places.ts";
import { Reconnect } from "./connection/reconnect.ts";
import { CredentialsMissing } from "./credentials.ts";
import { LinkCodes } from "./link/link-codes.ts";
import type { Passkey } from "./link/passkey.ts";
import { ImportFailed } from "./link/session-import.ts";
import { SendControl } from "./send-control.ts";
import type { SessionDeps } from "./session-deps.ts";
import type { SessionRow } from "./session-row.ts";
import { banCause, SessionState, withCloseEvent, withCloseEventAndActivity } from "./state.ts";
import { Steps } from "./steps.ts";

/** QR codes are renewed for about half an hour. After that, the user must request a new QR code. */
const maxQrRounds = 12;
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
  readonly brake: Brake;
  readonly sends: SendControl;
  readonly #state: SessionState;
  #connection: Connection | undefined;
  /** Whether the session should be connected. */
  #running = false;
  /** Whether the host stops. A session that waits for its login then opens no connection. */
  #stopping = false;
  /** Number of connections in a row whose QR codes all expired. */
  #qrRounds = 0;
  /** When this connection was opened or, later, when its login succeeded. Milliseconds since 1970. */
  #openedAt = 0;
  readonly #groupReading = new GroupReading();
  readonly #codes: LinkCodes;
  readonly #retryCounts = new RetryCounts();
  readonly #reconnect = new Reconnect(
    () => void this.#inTurn(async () => (this.#running ? await this.#open() : undefined)),
  );
  readonly settings: LiveSettings;
  #login: Login | undefined;
  readonly #steps: Steps;

  constructor(deps: SessionDeps, row: SessionRow) {
    this.id = row.id;
    this.userId = row.userId;
    this.#deps = deps;
    this.settings = new LiveSettings(deps, row.id, () => this.brake.applyPace());
    this.#steps = new Steps(row.id, deps.log);
    this.#state = new SessionState(row);
    this.#codes = new LinkCodes({ vault: deps.vault, instanceId: row.id, blockedUntil: row.pairingCodesBlockedUntil });
    this.brake = new Brake({
      log: deps.log.child({ instanceId: row.id }),
      now: () => deps.clock.now(),
      record: (change) => this.record(change),
      heldBack: deps.heldBack,
      holdBack: deps.holdBack,
      onPace: () => this.queue.paceChanged(),
    });
    this.queue = new SendQueue({
      brake: this.brake,
      log: deps.log,
      record: (change) => this.record(change),
      countAttempt: deps.countAttempt,
      mayStart: deps.mayStart,
      onSilence: () => this.#lose("connection_lost"),
    });
    this.sends = new SendControl({
      brake: this.brake,
      queue: this.queue,
      now: () => deps.clock.now(),
      record: (change) => this.record(change),
      cancel: deps.cancelWaiting,
      sameChats: deps.sameChats,
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
    return this.#inTurn(() => this.#reopen(), correlationId);
  }

  /** Opens a new connection if the settings need one. A session that was stopped meanwhile stays stopped. */
  reconnectIfNeeded(correlationId?: string): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#running && this.settings.needsReconnect) await this.#reopen();
    }, correlationId);
  }

  /** Closes the connection because the host stops or releases the shard. The device stays linked for the next host. */
  stop(): Promise<void> {
    this.#stopping = true;
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
      await this.#recordStep(wasOpen ? withCloseEventAndActivity(change, { reason: "disabled" }, false) : change);
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
    this.#reconnect.cancel();
    this.queue.pause();
    this.#login?.end();
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
      await this.#recordStep(wasOpen ? withCloseEvent(change, { reason: "logout" }, false) : change);
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
    this.#codes.assertNoPause();
    await this.start(correlationId);
    const record = (change: Change) => this.record({ ...change, correlationId });
    return await this.#codes.request({ state: this.#state, sock: () => this.#connection?.sock, record }, phoneNumber);
  }

  get passkey(): Passkey {
    if (this.#connection) return this.#connection.passkey;
    throw new AppError("conflict", "WhatsApp does not ask for a passkey now: scan a QR code first");
  }

  async #reopen(): Promise<void> {
    await this.queue.finish(finishMs);
    await this.#closeConnection();
    // The QR code was only valid on the closed connection.
    if (this.status === "qr") await this.#enter("connecting", null);
    await this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    this.#reconnect.reset();
    this.#qrRounds = 0;
    await this.#open();
  }

  async #open(): Promise<void> {
    this.#reconnect.cancel();
    const bannedUntil = this.#state.bannedUntil();
    if (bannedUntil) return await this.#waitForEndOfBan(bannedUntil);
    if (this.status !== "connecting" && this.status !== "qr")
      await this.#recordStep(this.#state.enter("connecting", null, {}));
    try {
      const { proxy } = await this.settings.loadToOpen();
      const owner = { userId: this.userId, instanceId: this.id };
      const login = await this.#deps.logins.enter(owner, proxy !== null);
      this.#login = login;
      if (!this.#running || this.#stopping) return login.end();
      this.#openedAt = Date.now();
      this.#codes.begin();
      const version = await this.#deps.version.next();
      if (!version) return await this.#onClose(outdated);
      const connection = await Connection.open(
        this.#deps,
        { id: this.id, linked: this.#state.linked, version, settings: this.settings },
        {
          beforeHandshake: () => login.opened(),
          onUpdate: (update) => void this.#inTurn(() => this.#onUpdate(connection, update)),
          onAck: (waId, ack) => this.queue.acknowledge(waId, ack),
          onRestriction: (report) => this.brake.note(report),
          onReceived: (chats) => this.brake.personWrote(chats),
          recall: (waId) => this.queue.recall(waId),
          retryCounts: this.#retryCounts,
          onMedia: () => this.#deps.transfers.downloads.wake(),
          onHistory: () => this.#deps.transfers.imports.wake(),
          onPasskey: (demand) =>
            void this.#inTurn(() => this.#recordStep(this.#codes.demandPasskey(this.#state, demand))),
        },
      );
      this.#connection = connection;
      login.dialing();
      if (connection.imported) this.#state.linked = true;
    } catch (error) {
      this.#deps.log.error({ ...this.#steps.trace, err: error }, "the session cannot be opened");
      this.#login?.end();
      if (error instanceof ImportFailed) await this.#onClose(closing("import_failed", "never"));
      else if (error instanceof CredentialsMissing) await this.#onClose(closing("credentials_missing", "never"));
      else await this.#onClose(closing("connection_lost", "later"));
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
      this.#deps.log.info({ ...this.#steps.trace, ...verdict }, "the connection ended");
      if (verdict.reason === "client_outdated") this.#deps.version.refused();
      if (verdict.loggedOut) await this.#onLoggedOut(verdict);
      else await this.#onClose(verdict);
    }
  }

  async #onQr(qr: string): Promise<void> {
    this.#login?.end();
    const { fields, event } = this.#codes.showQr(qr);
    const change = this.#state.enterQr(fields);
    await this.#recordStep({ ...change, events: [...(change.events ?? []), event] });
  }

  async #onOpen(connection: Connection): Promise<void> {
    this.#login?.end();
    this.#state.linked = true;
    this.#openedAt = Date.now();
    const account = { ...accountOf(connection.creds), device: deviceOf(connection.creds) };
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
      removeImport: "any",
      activities: [{ action: "connection_opened", details: { phoneNumber } }],
    });
    if (this.#connection !== connection) return;
    void this.brake.load().catch(() => undefined);
    if (this.context) this.queue.resume(this.context);
    this.#deps.transfers.connected(connection);
    void this.#groupReading.read(connection);
  }

  async #onLoggedOut(verdict: Verdict): Promise<void> {
    const wasLinked = this.#state.linked;
    this.#running = false;
    await this.#closeConnection();
    const change = this.#state.enterLoggedOut(verdict.reason, { by: "whatsapp", wasLinked }, verdict);
    await this.#recordStep(withCloseEvent(change, verdict, false));
    await this.queue.failAll(new AppError("instance_not_connected", "WhatsApp unlinked this device"));
  }

  /** Closes the current connection for this reason, and opens another one later. */
  #lose(reason: string): void {
    const connection = this.#connection;
    if (!connection) return;
    void this.#inTurn(async () =>
      connection === this.#connection ? this.#onClose(closing(reason, "later")) : undefined,
    );
  }

  /** Handles the loss of the connection: reconnects, or gives up. */
  async #onClose(verdict: Verdict): Promise<void> {
    const { reason, reconnect, until } = verdict;
    const wasOpen = this.status === "connected";
    const qrExpired = !this.#state.linked && this.status === "qr" && reason === "connection_lost";
    await this.#closeConnection();
    if (!this.#running) return;
    if (qrExpired && ++this.#qrRounds >= maxQrRounds) return await this.#giveUp(closing("qr_not_scanned", "never"));
    if (reconnect === "never") return await this.#giveUp(verdict);
    if (wasOpen && Date.now() - this.#openedAt > stableMs) this.#reconnect.reset();
    if (reason !== "restart_required" && !qrExpired) {
      const change = this.#state.enter("connecting", reason, noLinkCodes, verdict);
      // Not awaited, because a failure of the database may be the reason for the loss.
      void this.#recordStep(wasOpen ? withCloseEventAndActivity(change, verdict, true) : change).catch(() => undefined);
    }
    if (until) this.#reconnect.afterBan(until);
    else this.#reconnect.at(qrExpired ? "now" : reconnect);
  }

  async #waitForEndOfBan(until: Date): Promise<void> {
    if (this.status !== "connecting" || this.#state.reason !== "temporarily_banned")
      await this.#recordStep(this.#state.enter("connecting", "temporarily_banned", noLinkCodes, banCause(until)));
    this.#reconnect.afterBan(until);
  }

  /** Stays disconnected until the user starts the instance again. */
  async #giveUp(verdict: Verdict): Promise<void> {
    this.#running = false;
    const change = this.#state.enter("disconnected", verdict.reason, { ...noLinkCodes, desired: "stopped" }, verdict);
    await this.#recordStep(withCloseEventAndActivity(change, verdict, false)).catch(() => undefined);
  }

  /** Logs out if the session is connected, and closes the connection. */
  async #unlink(): Promise<void> {
    this.#running = false;
    this.#reconnect.cancel();
    const connection = this.#connection;
    if (!connection || this.status !== "connected") return await this.#closeConnection();
    this.queue.pause();
    this.#connection = undefined;
    // The gate holds the logout back until all earlier changes are durable.
    await this.#deps.ledger.drain();
    await connection.sock
      .logout()
      .catch((error: unknown) =>
        this.#deps.log.warn({ ...this.#steps.trace, err: error }, "the logout did not reach WhatsApp"),
      );
    await connection.close();
  }

  async #closeConnection(): Promise<void> {
    this.#reconnect.cancel();
    this.queue.pause();
    this.#deps.transfers.disconnected();
    const connection = this.#connection;
    this.#connection = undefined;
    this.#login?.end();
    await connection?.close();
  }

  async #enter(status: InstanceStatus, reason: string | null): Promise<void> {
    await this.#recordStep(this.#state.enter(status, reason));
  }

  /** Records a change with the correlation id of the current step. */
  #recordStep(change: Change): Promise<void> {
    return this.record({ ...change, correlationId: this.#steps.trace.correlationId });
  }

  #inTurn<Result>(work: () => Promise<Result>, correlationId?: string): Promise<Result> {
    return this.#steps.run(work, correlationId);
  }
}
