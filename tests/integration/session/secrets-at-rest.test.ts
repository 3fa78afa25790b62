import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { AuthenticationCreds } from "@whiskeysockets/baileys";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openVault, type Vault } from "../../../core/crypto/index.ts";
import { sealedPlace } from "../../../core/crypto/sealed-place.ts";
import { createKeyWrapper } from "../../../core/crypto/wrapper.ts";
import { parseKey } from "../../../session-host/ledger/change.ts";
import type { Phone } from "../../../simulator/index.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { exchange } from "../../support/gateway/instance-state.ts";
import { restClient } from "../../support/gateway/rest-client.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";

const password = "correct horse battery staple";
const webhookSecret = "whsec_4f3c2b1a09f8e7d6c5b4a3f2e1d0c9b8";
const headerSecret = "hdr_9b8a7c6d5e4f3a2b1c0d";

let gate: TestGateway;
let vault: Vault;
let owner: Phone;
let bob: Phone;
let host: ChildProcess;
/** The output of the session host. */
let output = "";

/** Starts a session host as in a container, at the log level trace. */
function startHost(): ChildProcess {
  const main = fileURLToPath(new URL("../../../session-host/main.ts", import.meta.url));
  const started = spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH ?? "", ...gate.gateway.env, LOG_LEVEL: "trace" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [started.stdout, started.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk));
  return started;
}

beforeAll(async () => {
  gate = await startTestGateway({ host: "none", env: { ADMIN_PASSWORD: password } });
  host = startHost();
  vault = await openVault(gate.db, await createKeyWrapper(gate.gateway.config));
  owner = await gate.wa.addPhone({ number: "4915550000001", pushName: "Owner" });
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
});
afterAll(async () => {
  const ended = once(host, "exit");
  host.kill("SIGTERM");
  await ended;
  await gate?.stop();
});

async function credentials(instance: string): Promise<AuthenticationCreds> {
  const [row] = await gate.db.sql<{ value: Buffer }[]>`
    select value from session_keys where instance_id = ${instance} and type = 'creds'`;
  if (!row) throw new Error("there are no credentials");
  return parseKey(vault.open(row.value, sealedPlace.sessionKey(instance, "creds", ""))) as AuthenticationCreds;
}

/** All values of all tables: text as UTF-8, bytes unchanged. */
async function everything(): Promise<Buffer> {
  const tables = await gate.db.sql<{ name: string }[]>`
    select schemaname || '.' || tablename as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`;
  expect(tables.length).toBeGreaterThan(10);
  const parts: Buffer[] = [];
  for (const { name } of tables) {
    for (const row of await gate.db.sql`select * from ${gate.db.sql(name)}`) {
      for (const value of Object.values(row)) {
        parts.push(
          Buffer.isBuffer(value)
            ? value
            : Buffer.from(typeof value === "string" ? value : (JSON.stringify(value) ?? "")),
        );
      }
    }
  }
  return Buffer.concat(parts.flatMap((part) => [part, Buffer.from("\n")]));
}

/** The encodings in which a secret could appear. */
function forms(secret: Uint8Array | string): Buffer[] {
  const raw = Buffer.from(secret);
  const list = [...raw].join(",");
  const texts = [raw.toString("hex"), raw.toString("hex").toUpperCase(), list, JSON.stringify([...raw], null, 1)];
  // Base64 of the secret depends on its offset in the encoded data, modulo three.
  for (const shift of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(shift), raw]).toString("base64");
    const core = encoded.slice(shift === 0 ? 0 : 4, encoded.length - 4);
    texts.push(core, core.replaceAll("+", "-").replaceAll("/", "_"));
  }
  return [raw, ...texts.map((text) => Buffer.from(text))];
}

function expectAbsent(haystack: Buffer, secrets: Record<string, Uint8Array | string>): void {
  const found = Object.entries(secrets).flatMap(([name, secret]) =>
    forms(secret).some((form) => haystack.includes(form)) ? [name] : [],
  );
  expect(found).toEqual([]);
}

describe("secrets in the database and in a trace log", () => {
  test("no secret appears unencrypted in the database or in the log, in any encoding", async () => {
    const instance = await gate.createInstance("multi-instance", {
      webhookSecret,
      webhookHeaders: { authorization: `Bearer ${headerSecret}` },
    });
    const client = restClient(gate, "multi-instance", instance);
    const qr = await gate.qr(instance);
    const [ref = "", , , adv = ""] = qr.slice(qr.indexOf("#") + 1).split(",");
    const unscanned = await everything();
    expectAbsent(unscanned, { qr, ref, adv });
    expectAbsent(Buffer.from(output), { qr, adv });

    const code = (await client.pairingCode(owner.number)).replace("-", "");
    await owner.linkWithCode(code);
    await gate.status(instance, "connected");
    await exchange(client, { owner, peer: bob }, "between people");
    const login = await gate.api("POST", "/api/auth/login", {
      key: null,
      body: { email: gate.gateway.firstAdmin?.user.email, password },
    });
    expect(login.status).toBe(200);
    const creds = await credentials(instance);
    const keys = await gate.db.sql<{ type: string; key_id: string; value: Buffer }[]>`
      select type, key_id, value from session_keys where instance_id = ${instance} and type <> 'creds'`;
    const signal: Record<string, Uint8Array> = {};
    for (const { type, key_id: id, value } of keys) {
      const opened = vault.open(value, sealedPlace.sessionKey(instance, type, id));
      const key = parseKey(opened) as { private?: Uint8Array; keyData?: Uint8Array };
      if (key.private) signal[`${type} ${id}`] = Buffer.from(key.private);
      if (key.keyData) signal[`${type} ${id}`] = Buffer.from(key.keyData);
      // The middle of a session or sender key is long enough not to appear by chance.
      if (opened.length > 100) signal[`text of ${type} ${id}`] = opened.subarray(40, 90);
    }
    expect(Object.keys(signal).length).toBeGreaterThan(5);
    const secrets = {
      "noise key": creds.noiseKey.private,
      "identity key": creds.signedIdentityKey.private,
      "signed prekey": creds.signedPreKey.keyPair.private,
      "pairing key": creds.pairingEphemeralKeyPair.private,
      "ADV secret": Buffer.from(creds.advSecretKey, "base64"),
      "API key": gate.gateway.firstAdmin?.apiKey.key ?? "",
      "API key, its last half": (gate.gateway.firstAdmin?.apiKey.key ?? "").slice(-18),
      "webhook secret": webhookSecret,
      "webhook header": headerSecret,
      "webhook secret, without its prefix": webhookSecret.slice(6),
      password,
      token: login.body.token as string,
      ...signal,
    };
    expect(forms(creds.noiseKey.private)[0]).toHaveLength(32);
    expectAbsent(await everything(), secrets);
    expect(output.length).toBeGreaterThan(1000);
    expectAbsent(Buffer.from(output), secrets);
  });

  test("a valid pairing code appears neither in the database nor in the log", async () => {
    const instance = await gate.createInstance();
    const { number } = await gate.wa.addPhone({ number: "4915550000003" });
    const code = await restClient(gate, "multi-instance", instance).pairingCode(number);
    expectAbsent(await everything(), { code: code.replace("-", "") });
    expectAbsent(Buffer.from(output), { code: code.replace("-", "") });
  });

  test("the search finds a secret in every encoding", () => {
    const secret = randomBytes(32);
    for (const shown of [
      secret,
      Buffer.from(secret.toString("hex")),
      Buffer.from(`{"key":"${secret.toString("base64")}"}`),
      Buffer.from(Buffer.concat([Buffer.from("xy"), secret, Buffer.from("z")]).toString("base64")),
      Buffer.from(JSON.stringify({ type: "Buffer", data: [...secret] })),
    ]) {
      expect(forms(secret).some((form) => shown.includes(form))).toBe(true);
    }
  });

  test("a ciphertext cannot be decrypted in another row", async () => {
    const rows = await gate.db.sql<{ instance_id: string; key_id: string; value: Buffer }[]>`
      select instance_id, key_id, value from session_keys where type = 'pre-key' limit 2`;
    const [first, second] = rows;
    if (!first || !second) throw new Error("there are no two prekeys");
    const place = (row: typeof first) => sealedPlace.sessionKey(row.instance_id, "pre-key", row.key_id);
    expect(() => vault.open(first.value, place(first))).not.toThrow();
    expect(() => vault.open(first.value, place(second))).toThrow();
  });
});

test("WhatsApp and the phones report no error", () => {
  expectNoComplaints(gate.wa);
});
