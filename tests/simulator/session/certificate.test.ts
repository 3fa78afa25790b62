import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import WebSocket from "ws";
import { startWhatsApp } from "../../../simulator/index.ts";
import { gcmDecrypt, generateKeyPair, hkdf, sha256, sharedKey, sign, verify } from "../../../simulator/wire/crypto.ts";
import { Client, proto, silenceLibsignal, strictVerification } from "../../support/simulator/client.ts";

silenceLibsignal();
strictVerification();

test("the simulator verifies a signature only for its key and message, and rejects 64 zero bytes", () => {
  const [ours, theirs] = [generateKeyPair(), generateKeyPair()];
  for (let round = 0; round < 20; round++) {
    const message = randomBytes(50);
    const signature = sign(ours.private, message);
    expect(verify(ours.public, message, signature)).toBe(true);
    expect(verify(theirs.public, message, signature)).toBe(false);
    expect(verify(ours.public, randomBytes(50), signature)).toBe(false);
    expect(verify(ours.public, message, Buffer.alloc(64))).toBe(false);
  }
});

test("the simulator makes a verifying client reject a server whose chain has another root", async () => {
  const [wa, other] = await Promise.all([startWhatsApp(), startWhatsApp()]);
  const client = new Client({ ...wa, rootKey: other.rootKey });
  const closed = client.next((update) => update.connection === "close");
  client.connect();
  const { lastDisconnect } = await closed;
  expect(lastDisconnect?.error?.message).toBe("noise intermediate certificate signature invalid");
  await Promise.all([wa.stop(), other.stop()]);
});

test("the simulator sends a certificate chain that the root signed, that is valid now, and whose leaf has the handshake's static key", async () => {
  const wa = await startWhatsApp();
  const header = Buffer.from([0x57, 0x41, 6, 3]);
  const ephemeral = generateKeyPair();
  const hello = proto.HandshakeMessage.encode({ clientHello: { ephemeral: ephemeral.public } }).finish();
  const socket = new WebSocket(wa.url);
  const frame = await new Promise<Buffer>((resolve) => {
    socket.on("message", resolve);
    socket.on("open", () => socket.send(Buffer.concat([header, Buffer.from([0, 0, hello.length]), hello])));
  });
  const { serverHello } = proto.HandshakeMessage.decode(frame.subarray(3));
  const { ephemeral: theirs, static: sealedStatic, payload } = serverHello ?? {};
  if (!theirs || !sealedStatic || !payload) throw new Error("the ServerHello is incomplete");
  const start = Buffer.from("Noise_XX_25519_AESGCM_SHA256\0\0\0\0");
  let hash = [header, ephemeral.public, theirs].reduce((seen, part) => sha256(seen, part), start);
  const first = hkdf(sharedKey(ephemeral.private, theirs), 64, { salt: start });
  const serverKey = gcmDecrypt(first.subarray(32), Buffer.alloc(12), sealedStatic, hash);
  hash = sha256(hash, sealedStatic);
  const second = hkdf(sharedKey(ephemeral.private, serverKey), 64, { salt: first.subarray(0, 32) });
  const { leaf, intermediate } = proto.CertChain.decode(
    gcmDecrypt(second.subarray(32), Buffer.alloc(12), payload, hash),
  );
  if (!leaf?.details || !leaf.signature || !intermediate?.details || !intermediate.signature)
    throw new Error("the certificate chain is incomplete");
  const { Details } = proto.CertChain.NoiseCertificate;
  const [leafDetails, issuer] = [Details.decode(leaf.details), Details.decode(intermediate.details)];
  expect(verify(Buffer.from(wa.rootKey, "hex"), intermediate.details, intermediate.signature)).toBe(true);
  expect(verify(issuer.key ?? Buffer.alloc(32), leaf.details, leaf.signature)).toBe(true);
  expect(Buffer.from(leafDetails.key ?? [])).toEqual(serverKey);
  expect([issuer.issuerSerial, leafDetails.issuerSerial]).toEqual([0, issuer.serial]);
  for (const { notBefore, notAfter } of [leafDetails, issuer]) {
    expect(Number(notBefore)).toBeLessThan(Date.now() / 1000);
    expect(Number(notAfter)).toBeGreaterThan(Date.now() / 1000);
  }
  socket.terminate();
  await wa.stop();
});
