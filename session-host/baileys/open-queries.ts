import { DisconnectReason, type WASocket } from "@whiskeysockets/baileys";

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

/** Whether Baileys could not send a query, or got no answer, because its socket has closed. */
export const isClosed = (error: unknown): boolean =>
  (error as { output?: { statusCode?: number } } | undefined)?.output?.statusCode === DisconnectReason.connectionClosed;
