import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConfig } from "../../../core/config.ts";
import { createLogger } from "../../../core/log.ts";
import { verifySignature } from "../../../session-host/baileys/whatsapp.ts";
import { startHost } from "../../../session-host/host/start.ts";
import type { Phone } from "../../../simulator/index.ts";
import { proto } from "../../../simulator/wire/baileys.ts";
import { issueCertificates } from "../../../simulator/wire/certificate.ts";
import { generateKeyPair, sign } from "../../../simulator/wire/crypto.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { details, exchange } from "../../support/gateway/instance-state.ts";
import { restClient } from "../../support/gateway/rest-client.ts";
import { type Answer, startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let host: Awaited<ReturnType<typeof startHost>> | undefined;
let owner: Phone;
let bob: Phone;

/** Stops the session host and starts another one with this environment. */
async function restartHost(env: Record<string, string> = {}): Promise<void> {
  await host?.stop();
  host = await startHost(readConfig({ ...gate.gateway.env, ...env }), createLogger("host", gate.gateway.env.LOG_LEVEL));
}

beforeAll(async () => {
  gate = await startTestGateway({ host: "none" });
  owner = await gate.wa.addPhone({ number: "4915550000001", pushName: "Owner" });
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
});
afterAll(async () => {
  await host?.stop();
  await gate?.stop();
});

const anotherRoot = () =>
  proto.CertChain.decode(
    issueCertificates(Math.floor(Date.now() / 1000), undefined, gate.wa.world.certificates.server).chain,
  );

/** Certificate chains that a server other than WhatsApp could present. */
const { NoiseCertificate } = proto.CertChain;
type Chain = proto.ICertChain;
const forgeries: Record<string, (chain: Chain) => Chain> = {
  "a leaf that is signed with another key": ({ leaf, intermediate }) => ({
    intermediate: intermediate ?? null,
    leaf: { ...leaf, signature: sign(generateKeyPair().private, leaf?.details ?? Buffer.alloc(0)) },
  }),
  "a leaf whose signature is 64 zero bytes": ({ leaf, intermediate }) => ({
    intermediate: intermediate ?? null,
    leaf: { ...leaf, signature: Buffer.alloc(64) },
  }),
  "an intermediate that is signed with another key": ({ leaf, intermediate }) => ({
    leaf: leaf ?? null,
    intermediate: {
      ...intermediate,
      signature: sign(generateKeyPair().private, intermediate?.details ?? Buffer.alloc(0)),
    },
  }),
  "a self-made intermediate": ({ leaf }) => {
    const own = generateKeyPair();
    const details = NoiseCertificate.Details.encode({ serial: 1, issuerSerial: 0, key: own.public }).finish();
    return {
      intermediate: { details, signature: sign(own.private, details) },
      leaf: { ...leaf, signature: sign(own.private, leaf?.details ?? Buffer.alloc(0)) },
    };
  },
  "a chain of another root": () => anotherRoot(),
  "an empty chain": () => ({}),
};

test("a signature is valid only for its key and message, and 64 zero bytes are invalid", () => {
  const [ours, theirs] = [generateKeyPair(), generateKeyPair()];
  const typed = Buffer.concat([Buffer.from([5]), ours.public]);
  for (let round = 0; round < 8; round++) {
    const message = randomBytes(round * 7);
    const signature = sign(ours.private, message);
    expect(verifySignature(ours.public, message, signature)).toBe(true);
    expect(verifySignature(typed, message, signature)).toBe(true);
    expect(verifySignature(theirs.public, message, signature)).toBe(false);
    expect(verifySignature(ours.public, randomBytes(50), signature)).toBe(false);
    expect(verifySignature(ours.public, message, Buffer.alloc(64))).toBe(false);
    expect(verifySignature(Buffer.alloc(32), message, Buffer.alloc(64))).toBe(false);
    expect(verifySignature(ours.public, message, signature.subarray(1))).toBe(false);
    expect(verifySignature(ours.public, message, Buffer.alloc(0))).toBe(false);
    expect(verifySignature(Buffer.alloc(5), message, signature)).toBe(false);
    const bent = Buffer.from(signature);
    bent[round] = (bent[round] ?? 0) ^ 1;
    expect(verifySignature(ours.public, message, bent)).toBe(false);
  }
});

describe("a server that cannot authenticate as WhatsApp", () => {
  /** Fails unless the instance has no QR code and reports the invalid certificate. */
  async function expectRejected(instance: string): Promise<Answer> {
    const shown = await until(async () => {
      const one = await details(gate, instance);
      return one.statusReason ? one : undefined;
    });
    expect(shown).toMatchObject({ hasQr: false, statusReason: "certificate_invalid" });
    const answer = await gate.api("GET", `/api/instances/${instance}/qr`);
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 404, code: "qr_not_available" });
    const [row] = await gate.db.sql`
      select count(*)::int as n from events where instance_id = ${instance} and type = 'connection.qr'`;
    expect(row?.n).toBe(0);
    return answer;
  }

  test("is rejected if its root is not WHATSAPP_ROOT_KEY", async () => {
    await restartHost({ WHATSAPP_ROOT_KEY: generateKeyPair().public.toString("hex") });
    const instance = await gate.createInstance();
    const { body } = await expectRejected(instance).finally(() => restartHost());
    await gate.qr(instance);
    expect(body.detail).toContain("certificate_invalid");
  });

  test("is rejected if it presents WhatsApp's chain without the chain's key", async () => {
    const { certificates } = gate.wa.world;
    const { server } = certificates;
    certificates.server = generateKeyPair();
    const instance = await gate.createInstance();
    try {
      await expectRejected(instance);
    } finally {
      certificates.server = server;
    }
    await gate.qr(instance);
  });

  test.each(Object.keys(forgeries))("is rejected with %s, and accepted again with the right chain", async (name) => {
    const { certificates } = gate.wa.world;
    const { chain } = certificates;
    const forged = forgeries[name]?.(proto.CertChain.decode(chain)) ?? {};
    certificates.chain = Buffer.from(proto.CertChain.encode(forged).finish());
    const instance = await gate.createInstance();
    try {
      await expectRejected(instance);
    } finally {
      certificates.chain = chain;
    }
    await gate.qr(instance);
  });

  test("gets no credentials, and the host keeps them", async () => {
    const instance = await gate.linked(owner);
    const { certificates } = gate.wa.world;
    const { chain } = certificates;
    certificates.chain = Buffer.from(proto.CertChain.encode(anotherRoot()).finish());
    const logins = gate.wa.device(owner.number).sockets.logins;
    await restartHost();
    await until(async () => (await details(gate, instance)).statusReason === "certificate_invalid" || undefined);
    expect(gate.wa.device(owner.number).sockets.logins).toBe(logins);
    certificates.chain = chain;
    await gate.status(instance, "connected");
    await exchange(restClient(gate, "multi-instance", instance), { owner, peer: bob }, "after the impostor");
  });
});

test("WhatsApp and the phones report no error", () => {
  expectNoComplaints(gate.wa);
});
