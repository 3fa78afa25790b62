import type { AuthenticationCreds, BaileysEventMap, WASocket } from "@whiskeysockets/baileys";
import type { SessionSettings } from "../../core/instance/session-settings.ts";
import type { Logger } from "../../core/log.ts";

/**
 * Keeps Baileys from showing the account online on its own. WhatsApp sends no push notifications to the owner's phone
 * while a linked device is online (https://github.com/tulir/whatsmeow/issues/262).
 *
 * On each `creds.update` whose name differs from the known one, which includes every update without `me`, Baileys sends
 * a `<presence>` without `type` (lib/Socket/socket.js, `ev.on('creds.update')`). No option turns that off. Without a
 * type, a presence means available, in XMPP (RFC 6121, 4.7.1) and in what WhatsApp's server sends (whatsmeow
 * presence.go, `handlePresence`). Accounts are therefore reported online in spite of `markOnlineOnConnect: false`
 * (https://github.com/WhiskeySockets/Baileys/issues/2553).
 *
 * This function therefore passes each update to Baileys with the known name, and sends a new name to WhatsApp in a
 * presence with the account's current state.
 */
export function preventUntypedPresence(
  sock: WASocket,
  creds: AuthenticationCreds,
  { presence }: Pick<SessionSettings, "presence">,
  log: Logger,
): void {
  const { ev } = sock;
  const emit = ev.emit.bind(ev);
  let open = false;
  let online = presence === "available";
  ev.on("connection.update", ({ connection, isOnline }) => {
    if (connection) open = connection === "open";
    if (isOnline !== undefined) online = isOnline;
  });

  const updateCreds = (update: Partial<AuthenticationCreds>): boolean => {
    const renamed = update.me !== undefined && update.me.name !== creds.me?.name;
    if (update.me) creds.me = update.me;
    const emitted = emit("creds.update", creds.me ? { ...update, me: creds.me } : update);
    // When the connection opens, Baileys sends name and state itself.
    if (renamed && open) {
      sock
        .sendPresenceUpdate(online ? "available" : "unavailable")
        .catch((error: unknown) => log.warn({ err: error }, "the account's new name could not be sent to WhatsApp"));
    }
    return emitted;
  };
  ev.emit = <T extends keyof BaileysEventMap>(event: T, value: BaileysEventMap[T]): boolean =>
    event === "creds.update" ? updateCreds(value as BaileysEventMap["creds.update"]) : emit(event, value);
}
