import { DisconnectReason, S_WHATSAPP_NET, type WASocket } from "@whiskeysockets/baileys";

/**
 * Makes the queries that wait for an answer fail as soon as their socket ends. When Baileys itself ends a socket, it
 * removes the listeners of `close`, through which a query would learn of it (7.0.0-rc14, `Socket/socket.js`, `end` and
 * `waitForMessage`). Such a query would wait for its whole time limit of 60 s, and delay the sends of the next
 * connection.
 */
export function failOpenQueriesAtEnd({ ws }: Pick<WASocket, "ws">): void {
  const remove = ws.removeAllListeners.bind(ws);
  ws.removeAllListeners = (event) => {
    if (event === "close") ws.emit("close");
    return remove(event);
  };
}

/** How long WhatsApp may take to answer a ping. Milliseconds. */
const pingTimeoutMs = 4_000;

/** Sends a ping. Resolves if WhatsApp answers. */
export async function ping(sock: WASocket | undefined): Promise<void> {
  if (!sock) throw new Error("the connection has ended");
  const attrs = { id: sock.generateMessageTag(), to: S_WHATSAPP_NET, type: "get", xmlns: "w:p" };
  await sock.query({ tag: "iq", attrs, content: [{ tag: "ping", attrs: {} }] }, pingTimeoutMs);
}

/** Whether Baileys could not send a query, or got no answer, because its socket has closed. */
export const isClosed = (error: unknown): boolean =>
  (error as { output?: { statusCode?: number } } | undefined)?.output?.statusCode === DisconnectReason.connectionClosed;
