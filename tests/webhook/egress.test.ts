import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createEgress, type EgressOptions, type EgressRequest } from "../../core/egress/index.ts";
import { receiverOfTest } from "../support/network/receiver-of-test.ts";

const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url), "utf8");
const plain: EgressRequest = { timeoutMs: 5_000, maxBytes: 1_000_000 };

function egressOf(options: Partial<EgressOptions> = {}) {
  const egress = createEgress({ allow: [], ...options });
  onTestFinished(() => egress.close());
  return egress;
}
const toLoopback = (options: Partial<EgressOptions> = {}) => egressOf({ allow: ["127.0.0.0/8"], ...options });

async function text(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Starts a TCP server that passes each connection to `serve`, and returns its URL. */
async function startTcp(serve: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test.each([
  "http://127.0.0.1/",
  "http://127.1/",
  "http://2130706433/",
  "http://0x7f000001/",
  "http://0177.0.0.1/",
  "http://0.0.0.0/",
  "http://10.0.0.1/",
  "http://172.16.0.1/",
  "http://192.168.1.1/",
  "http://169.254.169.254/latest/meta-data/",
  "http://100.64.0.1/",
  "http://100.100.100.200/",
  "http://168.63.129.16/metadata/",
  "http://192.0.0.192/",
  "http://192.0.2.1/",
  "http://198.18.0.1/",
  "http://224.0.0.1/",
  "http://240.0.0.1/",
  "http://255.255.255.255/",
  "http://[::]/",
  "http://[::1]/",
  "http://[::ffff:127.0.0.1]/",
  "http://[::ffff:7f00:1]/",
  "http://[::ffff:8.8.8.8]/",
  "http://[::127.0.0.1]/",
  "http://[64:ff9b::127.0.0.1]/",
  "http://[64:ff9b:1::127.0.0.1]/",
  "http://[2002:7f00:1::]/",
  "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
  "http://[2001:db8::1]/",
  "http://[3fff::1]/",
  "http://[fc00::1]/",
  "http://[fd00:ec2::254]/",
  "http://[fe80::1]/",
  "http://[fec0::1]/",
  "http://[ff02::1]/",
  "http://[100::1]/",
  "http://[4000::1]/",
  "http://localhost/",
  "http://api.LOCALHOST./",
])("%s is blocked without a connection", async (url) => {
  const egress = egressOf();
  expect(() => egress.check(url)).toThrow(expect.objectContaining({ code: "url_not_allowed" }));
  await expect(egress.fetch(url, plain)).rejects.toMatchObject({ code: "url_not_allowed" });
});

test.each(["ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "data:text/plain,x", "no url", ""])(
  "%s is blocked because only http and https are allowed",
  (url) => {
    expect(() => egressOf().check(url)).toThrow(expect.objectContaining({ code: "url_not_allowed" }));
  },
);

test("credentials in a URL and ports of other protocols are blocked", () => {
  const egress = egressOf();
  for (const url of ["http://user@example.com/", "http://u:p@example.com/", "http://example.com:25/"]) {
    expect(() => egress.check(url)).toThrow(expect.objectContaining({ code: "url_not_allowed" }));
  }
});

test.each(["https://example.com/hook?x=1", "http://example.com:8080/", "http://8.8.8.8/", "http://[2606:4700::1111]/"])(
  "%s is public and allowed",
  (url) => {
    expect(egressOf().check(url).href).toBe(url);
  },
);

test("an allowed range permits only its own addresses", async () => {
  const receiver = await receiverOfTest();
  const egress = egressOf({ allow: ["127.0.0.1/32", "fd00::/8"] });
  expect((await egress.fetch(receiver.url, plain)).status).toBe(200);
  expect(egress.check("http://[fd00::1]/").hostname).toBe("[fd00::1]");
  expect(egress.check("http://[::ffff:127.0.0.1]/").hostname).toBe("[::ffff:7f00:1]");
  for (const url of ["http://127.0.0.2/", "http://10.0.0.1/", "http://[::1]/"]) {
    expect(() => egress.check(url)).toThrow(expect.objectContaining({ code: "url_not_allowed" }));
  }
});

test("a name that resolves to an internal address is blocked without a connection", async () => {
  const receiver = await receiverOfTest();
  for (const address of ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254"]) {
    const egress = egressOf({ resolve: async () => [address] });
    const url = `http://inside.example.com:${receiver.port}/`;
    await expect(egress.fetch(url, plain)).rejects.toMatchObject({ code: "url_not_allowed" });
  }
  expect(receiver.connections).toBe(0);
});

test("a name that resolves to loopback at connect time is blocked although it was public before", async () => {
  const receiver = await receiverOfTest();
  const answers = [["93.184.216.34"], ["127.0.0.1"]];
  const resolve = async () => answers.shift() ?? ["127.0.0.1"];
  const egress = egressOf({ resolve });
  const url = egress.check(`http://rebinding.example.com:${receiver.port}/`);
  expect(await resolve()).toEqual(["93.184.216.34"]);
  await expect(egress.fetch(url, plain)).rejects.toMatchObject({ code: "url_not_allowed" });
  expect(receiver.connections).toBe(0);
});

test("only the allowed addresses of a name are tried", async () => {
  const inside = await receiverOfTest();
  const egress = egressOf({ allow: ["127.0.0.2/32"], resolve: async () => ["127.0.0.1", "127.0.0.2"] });
  await expect(egress.fetch(`http://both.example.com:${inside.port}/`, plain)).rejects.toMatchObject({
    name: "EgressError",
    kind: "connect",
  });
  expect(inside.connections).toBe(0);
});

test("a name that does not resolve is a failed connection, and the error names the setting for private networks", async () => {
  const egress = egressOf({ resolve: async () => Promise.reject(new Error("ENOTFOUND")) });
  await expect(egress.fetch("http://n8n:5678/x", plain)).rejects.toMatchObject({
    kind: "connect",
    message: expect.stringContaining("EGRESS_ALLOW"),
  });
});

test("a redirect is returned unless following is requested", async () => {
  const receiver = await receiverOfTest((_, response) => response.writeHead(302, { location: "/elsewhere" }).end());
  const answer = await toLoopback().fetch(receiver.url, plain);
  expect([answer.status, answer.headers.location, receiver.received.length]).toEqual([302, "/elsewhere", 1]);
});

test("each hop of a followed redirect is checked like the first URL", async () => {
  const inside = await receiverOfTest();
  const outside = await receiverOfTest((_, response) => response.writeHead(302, { location: inside.url }).end(), {
    host: "127.0.0.2",
  });
  const egress = egressOf({ allow: ["127.0.0.2/32"] });
  await expect(egress.fetch(outside.url, { ...plain, redirects: 3 })).rejects.toMatchObject({
    code: "url_not_allowed",
  });
  expect(inside.connections).toBe(0);
});

test("a redirect to another origin drops secrets, and a POST continues as GET", async () => {
  const second = await receiverOfTest();
  const first = await receiverOfTest((_, response) => response.writeHead(302, { location: second.url }).end());
  const answer = await toLoopback().fetch(first.url, {
    ...plain,
    method: "POST",
    body: "x",
    headers: { Authorization: "Bearer secret", "X-Api-Key": "secret", "User-Agent": "test" },
    redirects: 1,
  });
  expect(answer.url).toBe(second.url);
  expect(second.received[0]).toMatchObject({ method: "GET", body: "" });
  expect(second.received[0]?.headers).toMatchObject({ "user-agent": "test" });
  expect(JSON.stringify(second.received[0]?.headers)).not.toContain("secret");
});

test("at most the requested number of redirects is followed", async () => {
  const receiver = await receiverOfTest((_, response) => response.writeHead(307, { location: "/again" }).end());
  await expect(toLoopback().fetch(receiver.url, { ...plain, redirects: 3 })).rejects.toMatchObject({
    kind: "redirect",
  });
  expect(receiver.received).toHaveLength(4);
});

test("a large body arrives unchanged", async () => {
  const block = Buffer.alloc(1024 * 1024, "0123456789abcdef");
  const blocks = 20;
  const receiver = await receiverOfTest(async (_, response) => {
    for (let i = 0; i < blocks; i++) {
      if (!response.write(block)) await new Promise((resolve) => response.once("drain", resolve));
    }
    response.end();
  });
  const expected = createHash("sha256");
  for (let i = 0; i < blocks; i++) expected.update(block);
  const { body } = await toLoopback().fetch(receiver.url, { ...plain, maxBytes: blocks * block.length });
  const hash = createHash("sha256");
  for await (const chunk of body) hash.update(chunk);
  expect(hash.digest("hex")).toBe(expected.digest("hex"));
  expect(receiver.received[0]?.headers["accept-encoding"]).toBe("identity");
});

test("a body whose declared size is too large fails at once, and a body of undeclared size fails while it is read", async () => {
  const declared = await receiverOfTest((_, response) => response.end(Buffer.alloc(2_000)));
  const streamed = await receiverOfTest((_, response) => {
    response.write(Buffer.alloc(500));
    response.end(Buffer.alloc(1_500));
  });
  const egress = toLoopback();
  const small = { ...plain, maxBytes: 1_000 };
  await expect(egress.fetch(declared.url, small)).rejects.toMatchObject({ kind: "too_large" });
  const answer = await egress.fetch(streamed.url, small);
  await expect(text(answer.body)).rejects.toMatchObject({ kind: "too_large" });
});

test("a body can be truncated without reading the rest", async () => {
  let written = 0;
  const receiver = await receiverOfTest((_, response) => {
    response.on("close", () => {
      written = response.socket?.bytesWritten ?? written;
    });
    const more = () => {
      while (response.write(Buffer.alloc(64 * 1024, "x"))) written += 64 * 1024;
    };
    response.on("drain", more);
    more();
  });
  const answer = await toLoopback().fetch(receiver.url, { ...plain, maxBytes: 10, overflow: "cut" });
  expect(await text(answer.body)).toBe("xxxxxxxxxx");
  expect(written).toBeLessThan(20 * 1024 * 1024);
});

test("the time limit covers silence, slow headers and slow bodies", async () => {
  const silent = await startTcp(() => {});
  const trickle = (head: string) => (socket: Socket) => {
    socket.write(head);
    const timer = setInterval(() => socket.write("x"), 20);
    socket.on("close", () => clearInterval(timer));
  };
  const headers = await startTcp(trickle("HTTP/1.1 200 OK\r\nX-Long: "));
  const body = await startTcp(trickle("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"));
  const egress = toLoopback();
  const short = { ...plain, timeoutMs: 300 };
  await expect(egress.fetch(silent, short)).rejects.toMatchObject({ kind: "timeout" });
  await expect(egress.fetch(headers, short)).rejects.toMatchObject({ kind: "timeout" });
  const answer = await egress.fetch(body, short);
  await expect(text(answer.body)).rejects.toMatchObject({ kind: "timeout" });
});

test("the time limit covers name resolution", async () => {
  const egress = egressOf({ resolve: () => new Promise(() => {}) });
  await expect(egress.fetch("http://slow.example.com/", { ...plain, timeoutMs: 100 })).rejects.toMatchObject({
    kind: "timeout",
  });
});

test("the time limit also ends a response body that is not read", async () => {
  const body = await startTcp((socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx"));
  const answer = await toLoopback().fetch(body, { ...plain, timeoutMs: 50 });
  await new Promise((resolve) => answer.body.once("close", resolve));
  expect(answer.body.errored).toMatchObject({ kind: "timeout" });
});

test("endless headers, invalid HTTP, a broken body and a closed port fail with their error kinds", async () => {
  const egress = toLoopback();
  const endless = await startTcp((socket) => socket.write(`HTTP/1.1 200 OK\r\nX-Long: ${"x".repeat(20_000)}\r\n\r\n`));
  await expect(egress.fetch(endless, plain)).rejects.toMatchObject({ kind: "http" });
  const notHttp = await startTcp((socket) => socket.write("SSH-2.0-OpenSSH\r\n"));
  await expect(egress.fetch(notHttp, plain)).rejects.toMatchObject({ kind: "http" });
  const broken = await startTcp((socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"));
  const answer = await egress.fetch(broken, plain);
  await expect(text(answer.body)).rejects.toMatchObject({ kind: "http" });
  const receiver = await receiverOfTest();
  await receiver.down();
  await expect(egress.fetch(receiver.url, plain)).rejects.toMatchObject({ kind: "connect" });
});

test("TLS requires a trusted certificate for the name in the URL", async () => {
  const cert = fixture("tls-certificate.pem");
  const server = createHttpsServer({ key: fixture("tls-key.pem"), cert }, (_, response) => response.end("secure"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const resolve = async () => ["127.0.0.1"];
  const url = `https://webhook.test:${port}/`;
  const trusting = toLoopback({ resolve, ca: cert });
  expect(await text((await trusting.fetch(url, plain)).body)).toBe("secure");
  await expect(trusting.fetch(`https://other.test:${port}/`, plain)).rejects.toMatchObject({ kind: "tls" });
  await expect(toLoopback({ resolve }).fetch(url, plain)).rejects.toMatchObject({ kind: "tls" });
});
