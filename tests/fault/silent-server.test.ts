import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { DEFAULT_CONNECTION_CONFIG, initAuthCreds } from "@whiskeysockets/baileys";
import { afterEach, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { readConfig } from "../../core/config.ts";
import { createLogger } from "../../core/log.ts";
import { prepareWhatsApp } from "../../session-host/baileys/whatsapp.ts";
import { ttlCache } from "../../session-host/session/connection/caches.ts";
import { judge } from "../../session-host/session/connection/disconnect.ts";
import { openSocket } from "../../session-host/session/connection/socket.ts";
import { memoryKeys } from "../support/simulator/client.ts";

const sockets = new Set<Socket>();
const servers: Server[] = [];

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** Lets a server listen, by default one that says nothing. Returns its port. */
async function listen(server = createServer()): Promise<number> {
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
  });
  servers.push(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return (server.address() as { port: number }).port;
}

/** Connects a session of Baileys, and returns the error that ended it. */
async function endOf(port: number): Promise<unknown> {
  const endpoint = prepareWhatsApp(readConfig({ WHATSAPP_URL: `ws://127.0.0.1:${port}/ws` }));
  const sock = openSocket({
    instanceId: "00000000-0000-4000-8000-000000000001",
    endpoint,
    route: endpoint.route(),
    settings: {
      ...{ presence: "unavailable", proxy: null, deviceName: null, ignore: null },
      ...{ rejectCalls: null, autoRead: null, settingsAt: null, desired: "running", linkedAt: null },
    },
    beforeHandshake: async () => undefined,
    downloads: {},
    log: createLogger("test", "silent"),
    auth: { creds: initAuthCreds(), keys: memoryKeys() },
    version: DEFAULT_CONNECTION_CONFIG.version,
    syncFullHistory: false,
    userDevicesCache: ttlCache(10, 1000),
    callOfferCache: ttlCache(10, 1000),
    makeSignalRepository: DEFAULT_CONNECTION_CONFIG.makeSignalRepository,
    cachedGroupMetadata: async () => undefined,
  });
  return await new Promise((resolve) => {
    sock.ev.on("connection.update", ({ connection, lastDisconnect }) => {
      if (connection === "close") resolve(lastDisconnect?.error);
    });
  });
}

test("a session ends as lost if the server never opens the WebSocket", { timeout: 120_000 }, async () => {
  expect(judge(await endOf(await listen()))).toMatchObject({
    reason: "connection_lost",
    reconnect: "later",
    loggedOut: false,
  });
});

test("a session ends as lost if the server never answers the handshake", { timeout: 120_000 }, async () => {
  const server = createHttpServer();
  new WebSocketServer({ server });
  const opened = once(server, "upgrade");
  expect(judge(await endOf(await listen(server)))).toMatchObject({
    ...{ reason: "connection_lost", reconnect: "later", loggedOut: false },
  });
  await opened;
});
