import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fingerprintOf } from "../../../core/session/fingerprint.ts";
import { startApi, type TestApi } from "../../support/api/api.ts";
import { baileysSession, tarOf, tarOfFiles } from "../../support/session-import/session.ts";

let api: TestApi;
let key: string;
beforeAll(async () => {
  api = await startApi();
  ({ key } = await api.user());
}, 60_000);
afterAll(() => api?.stop());

let devices = 0;
const newDevice = () => `49155506000${String(devices++).padStart(2, "0")}:7`;
const request = (path: string, body: unknown, as = key) => api.request("POST", path, { key: as, body });
const importNew = (source: object) => request("/api/instances/import", { name: "imported", ...source });

/** Returns what the API has stored for the session host. */
async function staged(id: string) {
  const [row] = await api.db.sql`select device, bundle from session_imports where instance_id = ${id}`;
  expect(row?.bundle.toString("latin1")).not.toContain("noiseKey");
  const bundle = JSON.parse(api.vault.open(row?.bundle, `session-import:${id}`).toString());
  type Key = { type: string; id: string; json: string };
  return { device: row?.device as string, creds: bundle.creds, keys: bundle.keys as Key[] };
}

type Files = ReturnType<typeof baileysSession>;
/** Returns what identifies the device of a session. */
const deviceOf = (files: Files) =>
  fingerprintOf(
    Buffer.from(
      (files["creds.json"] as { signedIdentityKey: { public: { data: string } } }).signedIdentityKey.public.data,
      "base64",
    ),
  );
const bare = (name: string) => name.replace(/\.json$/, "");
const without = (files: Files, name: string) => Object.entries(files).filter(([one]) => one !== name);

/** The forms in which programs export the same session. */
const forms: [name: string, of: (files: Files) => object][] = [
  ["a folder of Baileys or WAHA NOWEB as JSON", (files) => ({ session: files })],
  ["a folder of Baileys or WAHA NOWEB as tar", (files) => ({ archive: tarOfFiles(files).toString("base64") })],
  ["a folder as tar.gz", (files) => ({ archive: gzipSync(tarOfFiles(files, "./")).toString("base64") })],
  [
    "a folder as tar of macOS, with long names and metadata",
    (files) => ({
      archive: tarOf([
        { name: "PaxHeader/creds", type: "x", content: "20 path=a/creds.json\n" },
        { name: "short", content: JSON.stringify(files["creds.json"]) },
        { name: "auth/._creds.json", content: "metadata" },
        { name: "auth", type: "5" },
        ...without(files, "creds.json").flatMap(([name, content]) => [
          { name: "././@LongLink", type: "L", content: `a/${name}\0` },
          { name: "short", content: JSON.stringify(content) },
        ]),
      ]).toString("base64"),
    }),
  ],
  [
    "credentials of Evolution API's database, with keys of its Redis hash",
    (files) => ({
      session: Object.fromEntries(
        Object.entries(files).map(([name, value]) => [
          bare(name),
          name === "creds.json" ? JSON.stringify(JSON.stringify(value)) : JSON.stringify(value),
        ]),
      ),
    }),
  ],
  [
    "a Redis hash of Evolution API, whose ids have colons and slashes",
    (files) => ({
      session: Object.fromEntries(
        Object.entries(files).map(([name, value]) => [
          bare(name).replace("@g.us--4915550000002--0", "@g.us::4915550000002::0").replace("AAAA__", "AAAA/"),
          JSON.stringify(value),
        ]),
      ),
    }),
  ],
  [
    "rows of baileys-api's database",
    (files) => ({
      session: Object.entries(files).map(([name, value]) => ({
        sessionId: "one",
        id: bare(name),
        data: JSON.stringify(value),
      })),
    }),
  ],
  [
    "rows of WAHA's Postgres, with bytes as lists",
    (files) => ({
      session: Object.entries(files).map(([name, value]) => ({ key: bare(name), value: bytesAsLists(value) })),
    }),
  ],
  [
    "credentials and keys by type",
    (files) => ({
      session: {
        creds: files["creds.json"],
        keys: {
          "pre-key": { 1: files["pre-key-1.json"] },
          session: { "4915550000002.0": files["session-4915550000002.0.json"] },
          "sender-key": { "123456@g.us::4915550000002::0": files["sender-key-123456@g.us--4915550000002--0.json"] },
          "app-state-sync-key": { "AAAA/xyz": files["app-state-sync-key-AAAA__xyz.json"] },
          "device-list": { "4915550000002": files["device-list-4915550000002.json"] },
        },
      },
    }),
  ],
];

function bytesAsLists(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_name, inner) =>
    inner?.type === "Buffer" ? Buffer.from(inner.data, "base64").toJSON() : inner,
  );
}

describe("a session of another program", () => {
  test.each(forms)("is accepted as %s", async (_name, of) => {
    const files = baileysSession(newDevice());
    const { status, body } = await importNew(of(files));
    expect({ status, body }).toMatchObject({ status: 201, body: { name: "imported" } });
    const { creds, keys, ...rest } = await staged(body.id);
    expect(rest.device).toBe(deviceOf(files));
    expect(creds.noiseKey).toEqual(files["creds.json"]?.noiseKey);
    expect(creds.signedIdentityKey).toEqual(files["creds.json"]?.signedIdentityKey);
    expect(keys.map(({ type, id }) => `${type} ${id}`).sort()).toEqual([
      "app-state-sync-key AAAA/xyz",
      "device-list 4915550000002",
      "pre-key 1",
      "sender-key 123456@g.us::4915550000002::0",
      "session 4915550000002.0",
    ]);
    const sender = keys.find(({ type }) => type === "sender-key");
    expect(JSON.parse(sender?.json ?? "")).toEqual({ type: "Buffer", data: "W10=" });
    expect(await api.db.sql`select name from commands where instance_id = ${body.id}`).toMatchObject([
      { name: "instance.start" },
    ]);
  });

  test("can be given to an instance of either dialect that is not linked", async () => {
    for (const [path, dialect] of [
      ["/api/instances", "multi-instance"],
      ["/api/instance", "gateway"],
    ] as const) {
      const [session, id] = [baileysSession(newDevice()), await api.instance(key, "qr")];
      const answer = await request(`${path}/${id}/import`, { session });
      expect({ dialect, status: answer.status }).toEqual({ dialect, status: 200 });
      expect(await staged(id)).toMatchObject({ device: deviceOf(session) });
    }
  });

  test("is refused by an instance that is linked, and for a device that belongs to another instance", async () => {
    const session = baileysSession(newDevice());
    const linked = await api.instance(key, "connected");
    await api.db.sql`update instances set linked_at = now() where id = ${linked}`;
    const source = { session };
    expect(await request(`/api/instances/${linked}/import`, source)).toMatchObject({
      status: 409,
      body: { code: "conflict" },
    });
    const other = await api.user();
    const first = await request("/api/instances/import", { name: "first", ...source }, other.key);
    expect(first.status).toBe(201);
    const taken = { status: 409, body: { code: "already_exists" } };
    expect(await importNew(source)).toMatchObject(taken);
    await api.db.sql`delete from session_imports where instance_id = ${first.body.id}`;
    await api.db.sql`update instances set device = ${deviceOf(session)}, linked_at = now() where id = ${first.body.id}`;
    expect(await importNew(source)).toMatchObject(taken);
    await api.db.sql`update instances set linked_at = null where id = ${first.body.id}`;
    expect((await importNew(source)).status).toBe(201);
  });

  test("is accepted for only one of many concurrent requests", async () => {
    const source = { session: baileysSession(newDevice()) };
    const answers = await Promise.all(Array.from({ length: 4 }, () => importNew(source)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
  });
});

test("a made-up session with the number and device of another account neither finds nor blocks it", async () => {
  const [victim, number] = [await api.user(), newDevice()];
  const id = await api.instance(victim.key, "connected");
  const [phone] = number.split(":");
  await api.db.sql`
    update instances set device = ${"a".repeat(64)}, phone_number = ${phone ?? ""}, linked_at = now() where id = ${id}`;
  const forged = await importNew({ session: baileysSession(number) });
  expect(forged.status).toBe(201);
  const owned = await request("/api/instances/import", { name: "own", session: baileysSession(number) }, victim.key);
  expect(owned.status).toBe(201);
});

test("a session is refused while the user has a linked instance of that number whose device is not known yet", async () => {
  const [phone] = newDevice().split(":");
  const id = await api.instance(key, "connected");
  await api.db.sql`
    update instances set device = null, phone_number = ${phone ?? ""}, linked_at = now() where id = ${id}`;
  const source = { name: "again", session: baileysSession(`${phone}:9`) };
  expect(await importNew(source)).toMatchObject({ status: 409, body: { code: "already_exists" } });
  const other = await api.user();
  expect((await request("/api/instances/import", source, other.key)).status).toBe(201);
});

test("a session doesn't stay stored if the restart can't be requested", async () => {
  const [id, source] = [await api.instance(key, "qr"), { session: baileysSession(newDevice()) }];
  const { queues } = api.served;
  const { send } = queues;
  queues.send = () => Promise.reject(new Error("the queue is down"));
  try {
    expect(await request(`/api/instances/${id}/import`, source)).toMatchObject({ status: 503 });
  } finally {
    queues.send = send;
  }
  expect(await api.db.sql`select 1 from session_imports where instance_id = ${id}`).toHaveLength(0);
  expect((await importNew(source)).status).toBe(201);
});

describe("a session that can't be used", () => {
  const flipped = (base64: string) => {
    const bytes = Buffer.from(base64, "base64");
    bytes[5] = (bytes[5] ?? 0) ^ 1;
    return bytes.toString("base64");
  };
  type Creds = Record<string, unknown> & { account: Record<string, string>; me: Record<string, string> };
  const changes: [name: string, change: (creds: Creds, files: Files) => unknown, details: string][] = [
    ["no account", (creds) => ({ ...creds, account: undefined }), "is not linked"],
    ["no JID", (creds) => ({ ...creds, me: undefined }), "is not linked"],
    ["the JID of a phone", (creds) => ({ ...creds, me: { id: "4915550600000@s.whatsapp.net" } }), "linked device"],
    [
      "an account that did not sign the device",
      (creds) => ({
        ...creds,
        account: { ...creds.account, accountSignature: flipped(creds.account.accountSignature ?? "") },
      }),
      "did not sign this device",
    ],
    [
      "a device that did not sign its account",
      (creds) => ({
        ...creds,
        account: { ...creds.account, deviceSignature: flipped(creds.account.deviceSignature ?? "") },
      }),
      "did not sign its account",
    ],
    [
      "the identity of another device",
      (creds) => ({ ...creds, signedIdentityKey: baileysSession("4915550600000:1")["creds.json"]?.signedIdentityKey }),
      "did not sign it",
    ],
    ["a short key", (creds) => ({ ...creds, advSecretKey: "AAAA" }), "32 bytes"],
    [
      "keys that don't match",
      (creds) => ({
        ...creds,
        noiseKey: {
          ...(creds.noiseKey as object),
          private: { type: "Buffer", data: Buffer.alloc(32, 1).toString("base64") },
        },
      }),
      "don't match",
    ],
    ...["noiseKey", "signedIdentityKey", "pairingEphemeralKeyPair"].map((name): (typeof changes)[number] => [
      `a private key of 31 bytes as ${name}`,
      (creds) => ({
        ...creds,
        [name]: {
          ...(creds[name] as object),
          private: { type: "Buffer", data: Buffer.alloc(31, 1).toString("base64") },
        },
      }),
      "32 bytes",
    ]),
  ];

  test.each(changes)("is refused with %s", async (_name, change, details) => {
    const files = baileysSession(newDevice());
    const session = { ...files, "creds.json": change(files["creds.json"] as Creds, files) };
    const { status, body } = await importNew({ session });
    expect({ status, code: body.code }).toEqual({ status: 400, code: "session_not_usable" });
    expect(body.detail).toContain(details);
  });

  const keyChanges: [name: string, of: () => object, details: string][] = [
    ["a short prekey", () => ({ "pre-key-9.json": { public: "AAAA", private: "AAAA" } }), "bytes"],
    ["an empty file of a prekey", () => ({ "pre-key-9.json": null }), "pre-key"],
    ["a Signal session that is a list", () => ({ "session-1.0.json": { _sessions: [] } }), "session"],
    [
      "too many prekeys",
      () => Object.fromEntries(Array.from({ length: 2_000 }, (_, id) => [`pre-key-${id + 2}.json`, {}])),
      "2000 prekeys",
    ],
  ];

  test.each(keyChanges)("is refused with %s", async (_name, of, details) => {
    const { status, body } = await importNew({ session: { ...baileysSession(newDevice()), ...of() } });
    expect({ status, code: body.code }).toEqual({ status: 400, code: "session_not_usable" });
    expect(body.detail).toContain(details);
  });

  const creds = { name: "creds.json", content: "{}" };
  const manyValues = `{"_sessions":{"a":[${"[],".repeat(249_000)}[]]}}`;
  const archives: [name: string, archive: () => Buffer, details: string][] = [
    ["a path that leads out of the archive", () => tarOf([{ name: "../creds.json" }]), "leads out"],
    ["an absolute path", () => tarOf([{ name: "/etc/creds.json" }]), "leads out"],
    ["a symbolic link", () => tarOf([creds, { name: "session-1.json", type: "2" }]), "not a file"],
    ["a hard link", () => tarOf([creds, { name: "session-1.json", type: "1" }]), "not a file"],
    ["a device", () => tarOf([{ name: "creds.json", type: "3" }]), "not a file"],
    ["the same file twice", () => tarOf([creds, { ...creds, name: "other/creds.json" }]), "twice"],
    ["a file that is cut off", () => tarOf([{ ...creds, size: 100_000 }]), "cut off"],
    ["a huge file", () => tarOf([{ ...creds, size: 8 ** 11 - 1 }]), "too large"],
    ["a bomb", () => gzipSync(Buffer.alloc(64 * 1024 * 1024)), "more than"],
    [
      "too many files",
      () => gzipSync(tarOf(Array.from({ length: 20_001 }, (_, id) => ({ name: `pre-key-${id}.json` })))),
      "more than",
    ],
    ["damaged compression", () => gzipSync(tarOf([creds])).subarray(0, 40), "uncompressed"],
    ["no tar", () => Buffer.alloc(2048, "x"), "not a tar archive"],
    ["nothing", () => Buffer.alloc(1024), "not a tar archive"],
    [
      "files that have too many values together",
      () => gzipSync(tarOf([creds, ...[1, 2, 3].map((id) => ({ name: `session-${id}.0.json`, content: manyValues }))])),
      "500000 values",
    ],
    [
      "files that have too many bytes together",
      () =>
        gzipSync(
          tarOf(
            [1, 2, 3].map((id) => ({ name: `session-${id}.0.json`, content: JSON.stringify(["x".repeat(6_000_000)]) })),
          ),
        ),
      "bytes of JSON",
    ],
    ["no credentials", () => tarOf([{ name: "pre-key-1.json", content: "{}" }]), "no creds.json"],
    ["invalid JSON", () => tarOf([{ ...creds, content: "{" }]), "can't be read"],
    ["deep JSON", () => tarOf([{ ...creds, content: "[".repeat(1000) + "]".repeat(1000) }]), "nested"],
  ];

  test.each(archives)("is refused as an archive with %s", async (_name, archive, details) => {
    const { status, body } = await importNew({ archive: archive().toString("base64") });
    expect({ status, code: body.code }).toEqual({ status: 400, code: "session_not_usable" });
    expect(body.detail).toContain(details);
  });

  test.each([[{}], [{ session: {}, archive: "" }], [{ session: "creds" }], [{ archive: 1 }]])(
    "is refused as the request %j",
    async (source) => {
      expect(await importNew(source)).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    },
  );
});
