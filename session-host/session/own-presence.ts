import type { AuthenticationCreds, BaileysEventMap, WASocket } from "@whiskeysockets/baileys";
import type { Logger } from "../../core/log.ts";

/**
 * Keeps Baileys from showing the account online on its own. WhatsApp sends no push notifications to the owner's phone while a
 * linked device is online (https://github.com/tulir/whatsmeow/issues/262).
 *
 * Baileys answers each `creds.update` whose name is not the known one, so each that has no `me`, with a `<presence>` without
 * `type` (lib/Socket/socket.js, `ev.on('creds.update')`), and no option turns that off. In XMPP (RFC 6121, 4.7.1) and in what
 * WhatsApp's server sends (whatsmeow presence.go, `handlePresence`), no type means available; accounts are reported online
 * with `markOnlineOnConnect: false` (https://github.com/WhiskeySockets/Baileys/issues/2553). So Baileys gets each update with
 * the name that it knows already, and a new name goes to WhatsApp in a presence with the state that the account has.
 */
export function keepPresenceTyped(sock: WASocket, creds: AuthenticationCreds, log: Logger): void {
  const { ev } = sock;
  const emit = ev.emit.bind(ev);
  let open = false;
  let online = false;
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
        .catch((error: unknown) => log.warn({ err: error }, "WhatsApp was not told the new name"));
    }
    return emitted;
  };
  ev.emit = <T extends keyof BaileysEventMap>(event: T, value: BaileysEventMap[T]): boolean =>
    event === "creds.update" ? updateCreds(value as BaileysEventMap["creds.update"]) : emit(event, value);
}
