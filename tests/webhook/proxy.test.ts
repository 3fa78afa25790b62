import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createProxyDialer } from "../../core/egress/dial.ts";
import type { EgressOptions } from "../../core/egress/index.ts";
import { type ProxyServer, parseProxy } from "../../core/egress/proxy.ts";
import { type ProxyOptions, startProxy } from "../support/network/proxy-server.ts";

const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url), "utf8");
const certificate = { cert: fixture("tls-certificate.pem"), key: fixture("tls-key.pem") };
const credentials = "user:p@ss:w0rd";

/** A server that greets, so that bytes arrive right behind the proxy's response, and echoes what it gets. */
const target = createServer((socket) => {
  socket.on("error", () => undefined);
  socket.write("hello ");
  socket.pipe(socket);
});
let port: number;
beforeAll(async () => {
  await new Promise<void>((done) => target.listen(0, "127.0.0.1", done));
  ({ port } = target.address() as AddressInfo);
});
afterAll(() => void target.close());

const dialerOf = (options: Partial<EgressOptions> = {}) =>
  createProxyDialer({ allow: ["127.0.0.0/8"], ca: certificate.cert, ...options });

function proxyOf(url: string): ProxyServer {
  const proxy = parseProxy(url);
  if (typeof proxy === "string") throw new Error(proxy);
  return proxy;
}

async function proxyAt(url: (port: number) => string, options: ProxyOptions) {
  const server = await startProxy({ resolve: () => ({ host: "127.0.0.1", port }), ...options });
  onTestFinished(() => server.stop());
  return { server, proxy: proxyOf(url(server.port)) };
}

async function exchange(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  socket.write("there");
  while (text.length < 11) await once(socket, "data");
  socket.destroy();
  return text;
}

describe.each<[name: string, url: (port: number, user: string) => string, options: ProxyOptions]>([
  ["an HTTP proxy", (at, user) => `http://${user}127.0.0.1:${at}`, {}],
  ["an HTTPS proxy", (at, user) => `https://${user}127.0.0.1:${at}`, { tls: certificate }],
  ["a SOCKS 5 proxy", (at, user) => `socks5://${user}127.0.0.1:${at}`, {}],
])("%s", (_name, url, options) => {
  test("connects to a name that only the proxy resolves", async () => {
    const { server, proxy } = await proxyAt((at) => url(at, ""), options);
    expect(await exchange(await dialerOf()(proxy, { host: "whatsapp.invalid", port: 443 }))).toBe("hello there");
    expect(server.targets).toEqual(["whatsapp.invalid:443"]);
  });

  test("connects with credentials, and reports those that the proxy refuses without showing them", async () => {
    const { proxy } = await proxyAt((at) => url(at, "user:p%40ss%3Aw0rd@"), { ...options, credentials });
    expect(await exchange(await dialerOf()(proxy, { host: "203.0.113.1", port: 443 }))).toBe("hello there");
    for (const wrong of [
      { ...proxy, password: "secret" },
      { ...proxy, username: "", password: "" },
    ]) {
      const refused = dialerOf()(wrong, { host: "203.0.113.1", port: 443 });
      await expect(refused).rejects.toMatchObject({ name: "ProxyError" });
      await expect(refused).rejects.not.toThrow("secret");
    }
  });

  test("is not contacted at an internal address, by name or by number", async () => {
    const { server, proxy } = await proxyAt((at) => url(at, ""), options);
    const guarded = dialerOf({ allow: [], resolve: async () => ["127.0.0.1"] });
    for (const host of ["127.0.0.1", "proxy.example.com"]) {
      const refused = guarded({ ...proxy, host }, { host: "203.0.113.1", port: 443 });
      await expect(refused).rejects.toThrow("the host is not on the public internet");
    }
    expect(server.targets).toEqual([]);
  });

  test("that can't be reached, or ends the connection, is reported", async () => {
    const { server, proxy } = await proxyAt((at) => url(at, ""), {
      ...options,
      resolve: () => ({ host: "127.0.0.1", port: 1 }),
    });
    const failed = () => dialerOf()(proxy, { host: "203.0.113.1", port: 443 });
    await expect(failed()).rejects.toMatchObject({ name: "ProxyError" });
    server.cut();
    await expect(failed()).rejects.toMatchObject({ name: "ProxyError" });
  });
});

describe("the text of a failure", () => {
  test.each(["http", "https", "socks5"])("names no resolved address and no system error, over %s", async (protocol) => {
    const closed = createServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const { port: free } = closed.address() as AddressInfo;
    await new Promise((done) => closed.close(done));
    const dial = dialerOf({ resolve: async () => ["127.0.0.1"] });
    const failed = dial(proxyOf(`${protocol}://proxy.example.com:${free}`), { host: "203.0.113.1", port: 443 });
    await expect(failed).rejects.toMatchObject({
      name: "ProxyError",
      message: "no connection through the proxy: nothing listens at its address and port",
    });
  });

  test.each([
    ["http", "220 not HTTP\r\n\r\n", "its response is not HTTP"],
    ["https", "220 not TLS\r\n\r\n", "its TLS certificate is not trusted, or it doesn't use TLS"],
    ["socks5", "220 not SOCKS\r\n\r\n", "it is not a SOCKS 5 server"],
  ])("explains a server that is no proxy, over %s", async (protocol, greeting, text) => {
    const server = createServer((socket) => socket.on("error", () => undefined).end(greeting)).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const proxy = proxyOf(`${protocol}://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await expect(dialerOf()(proxy, { host: "203.0.113.1", port: 443 })).rejects.toMatchObject({
      message: `no connection through the proxy: ${text}`,
    });
  });
});

test.each([
  ["http://proxy.example.com", "http", "proxy.example.com", 80],
  ["https://proxy.example.com", "https", "proxy.example.com", 443],
  ["socks5://proxy.example.com", "socks5", "proxy.example.com", 1080],
  ["socks5://[2001:db8::1]:9050", "socks5", "2001:db8::1", 9050],
  ["SOCKS5://0x7f.1", "socks5", "127.0.0.1", 1080],
])("the URL %s names a proxy of the protocol %s at %s, port %d", (url, protocol, host, at) => {
  expect(parseProxy(url)).toEqual({ protocol, host, port: at, username: "", password: "" });
});
