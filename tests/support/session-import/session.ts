import { BufferJSON, Curve, initAuthCreds } from "@whiskeysockets/baileys";

type Files = Record<string, Record<string, unknown>>;

/** Returns the files of a linked Baileys session, as `useMultiFileAuthState` writes them, with keys of some types. */
export function baileysSession(device: string): Files {
  const account = Curve.generateKeyPair();
  const creds = initAuthCreds();
  const identity = creds.signedIdentityKey;
  const details = Buffer.from("device details");
  const sign = (prefix: number[], key: Uint8Array, ...rest: Uint8Array[]) =>
    Curve.sign(key, Buffer.concat([Buffer.from(prefix), details, identity.public, ...rest]));
  Object.assign(creds, {
    me: { id: `${device}@s.whatsapp.net`, lid: "100000000000001:3@lid", name: "Owner" },
    account: {
      details: details.toString("base64"),
      accountSignatureKey: Buffer.from(account.public).toString("base64"),
      accountSignature: Buffer.from(sign([6, 0], account.private)).toString("base64"),
      deviceSignature: Buffer.from(sign([6, 1], identity.private, account.public)).toString("base64"),
    },
  });
  const stored = (value: unknown) => JSON.parse(JSON.stringify(value, BufferJSON.replacer));
  return {
    "creds.json": stored(creds),
    "pre-key-1.json": stored(Curve.generateKeyPair()),
    "session-4915550000002.0.json": { _sessions: {}, version: "v1" },
    "sender-key-123456@g.us--4915550000002--0.json": stored(Buffer.from("[]")),
    "app-state-sync-key-AAAA__xyz.json": { keyData: "AAAA", timestamp: "1" },
    "app-state-sync-version-regular.json": { version: 3, hash: stored(Buffer.alloc(128)), indexValueMap: {} },
    "device-list-4915550000002.json": ["0", "1"] as unknown as Record<string, unknown>,
  };
}

interface TarEntry {
  name: string;
  content?: string | Buffer;
  /** Type of the entry. Default: a file. */
  type?: string;
  /** The size in the header, if it differs from the content's. */
  size?: number;
}

/** Returns an uncompressed tar archive (ustar). */
export function tarOf(entries: TarEntry[]): Buffer {
  const blocks = entries.flatMap(({ name, content = "", type = "0", size }) => {
    const bytes = Buffer.from(content);
    const header = Buffer.alloc(512);
    header.write(name, 0, 100);
    header.write("0000600\0", 100);
    header.write(`${(size ?? bytes.length).toString(8).padStart(11, "0")}\0`, 124);
    header.fill(" ", 148, 156);
    header.write(type, 156);
    header.write("ustar\0", 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

export const tarOfFiles = (files: Files, folder = "auth/"): Buffer =>
  tarOf(Object.entries(files).map(([name, content]) => ({ name: folder + name, content: JSON.stringify(content) })));
