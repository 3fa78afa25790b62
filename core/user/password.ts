import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";

/**
 * One of the equivalent minimum settings in OWASP's password storage cheat sheet: N=2^15, r=8, p=3. Hashing with this
 * setting needs 32 MiB of memory.
 */
const current = { ln: 15, r: 8, p: 3 };
const saltBytes = 16;
const hashBytes = 32;

const encoded = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9_-]+)\$([A-Za-z0-9_-]+)$/;

/** Longer passwords are refused before hashing, so that nobody can make the server hash megabytes. */
export const maxPasswordLength = 1024;

/**
 * Returns `$scrypt$ln=15,r=8,p=3$<salt>$<hash>` (base64url). The result contains the parameters, so that they can be
 * raised later.
 */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(saltBytes);
  const hash = await derive(password, salt, current, hashBytes);
  return `$scrypt$${parameters(current)}$${salt.toString("base64url")}$${hash.toString("base64url")}`;
}

/** Compares in constant time. Without a hash (an unknown user), the function takes equally long and returns false. */
export async function verifyPassword(password: string, stored: string | undefined): Promise<boolean> {
  const match = encoded.exec(stored ?? placeholderHash);
  if (!match) return false;
  const [, ln, r, p, salt, hash] = match;
  const expected = Buffer.from(hash ?? "", "base64url");
  const actual = await derive(
    password,
    Buffer.from(salt ?? "", "base64url"),
    { ln: Number(ln), r: Number(r), p: Number(p) },
    expected.length,
  );
  return timingSafeEqual(actual, expected) && stored !== undefined;
}

/** Whether a hash was made with weaker parameters than the current ones. */
export function needsRehash(stored: string): boolean {
  return !stored.startsWith(`$scrypt$${parameters(current)}$`);
}

/** Stored instead of a hash for users without a password, who can only use keys. */
export const noPassword = "!";

const parameters = (cost: typeof current) => `ln=${cost.ln},r=${cost.r},p=${cost.p}`;

/** The hash that a login of an unknown user is compared with. No password matches this hash. */
const placeholderHash = `$scrypt$${parameters(current)}$${Buffer.alloc(saltBytes).toString("base64url")}$${Buffer.alloc(hashBytes).toString("base64url")}`;

function derive(password: string, salt: Buffer, cost: typeof current, length: number): Promise<Buffer> {
  const N = 2 ** cost.ln;
  const options: ScryptOptions = { N, r: cost.r, p: cost.p, maxmem: 256 * N * cost.r };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize("NFKC"), salt, length, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
