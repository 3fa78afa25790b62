import { desc } from "drizzle-orm";
import type * as Jose from "jose";
import type { Clock } from "../clock.ts";
import type { Vault } from "../crypto/index.ts";
import { sealedPlace } from "../crypto/sealed-place.ts";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import type { Ids } from "../id.ts";
import { defined } from "../object.ts";
import { signingKeys } from "./user.sql.ts";

export interface TokenDeps {
  db: Database;
  clock: Clock;
  ids: Ids;
}

/** Loads the library for the first token, because most callers use a key. */
const library = () => import("jose");

/** Short-lived tokens of users who logged in with a password. */
export interface Tokens {
  /** Issues a token. It contains `tokensFrom`, which must be the user's value at the time of the password check. */
  issue(vault: Vault, userId: string, tokensFrom?: Date | null): Promise<string>;
  /** Throws `expired_token` and `invalid_credentials`. */
  verify(token: string): Promise<TokenClaims>;
}

export interface TokenClaims {
  userId: string;
  /** The user's `tokensFrom` when the token was issued. If the user's value has changed, the token is invalid. */
  tokensFrom: Date | null;
  expiresAt: Date;
}

const algorithm = "EdDSA";
const issuer = "switchboard";
const audience = "switchboard-api";
const lifetimeSeconds = 60 * 60;
/**
 * The claim for `tokensFrom`, in Unix milliseconds. `iat` can't replace this claim, because it has only seconds, by
 * another host's clock.
 */
const fromClaim = "from";
/** How long a process uses cached signing keys. An unknown `kid` makes the process load the keys earlier. */
const keysFreshMs = 60_000;
/** Minimum time between two loads, so that tokens with an invented `kid` don't cause many. */
const keysRetryMs = 1_000;

type KeyRow = typeof signingKeys.$inferSelect;

export function createTokens(deps: TokenDeps): Tokens {
  let known: KeyRow[] = [];
  let loadedAt = Number.NEGATIVE_INFINITY;

  async function keys(maxAgeMs: number): Promise<KeyRow[]> {
    const now = deps.clock.now().getTime();
    if (Math.abs(now - loadedAt) >= maxAgeMs) {
      known = await loadKeys(deps.db);
      loadedAt = now;
    }
    return known;
  }

  return {
    async issue(vault, userId, tokensFrom = null) {
      const jose = await library();
      let [newest] = await keys(keysFreshMs);
      if (!newest) {
        await addSigningKey(deps, vault, { unlessAny: true });
        [newest] = await keys(0);
      }
      if (!newest) throw new Error("no signing key was found, although one was just created");
      const jwk = JSON.parse(
        vault.open(newest.privateCiphertext, sealedPlace.signingKey(newest.kid)).toString(),
      ) as Jose.JWK;
      const now = Math.floor(deps.clock.now().getTime() / 1000);
      return new jose.SignJWT(defined({ [fromClaim]: tokensFrom?.getTime() }))
        .setProtectedHeader({ alg: algorithm, kid: newest.kid, typ: "JWT" })
        .setSubject(userId)
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt(now)
        .setExpirationTime(now + lifetimeSeconds)
        .sign(await jose.importJWK(jwk, algorithm));
    },

    async verify(token) {
      const jose = await library();
      try {
        const { payload } = await jose.jwtVerify(
          token,
          async ({ kid }) => {
            const find = (rows: KeyRow[]) => rows.find((row) => row.kid === kid);
            const row = find(await keys(keysFreshMs)) ?? find(await keys(keysRetryMs));
            if (!row) throw new jose.errors.JWKSNoMatchingKey();
            return jose.importJWK(row.publicJwk as Jose.JWK, algorithm);
          },
          { algorithms: [algorithm], issuer, audience, requiredClaims: ["sub", "exp"], currentDate: deps.clock.now() },
        );
        const from = payload[fromClaim];
        return {
          userId: String(payload.sub),
          tokensFrom: typeof from === "number" ? new Date(from) : null,
          expiresAt: new Date(Number(payload.exp) * 1000),
        };
      } catch (error) {
        if (error instanceof jose.errors.JWTExpired) throw new AppError("expired_token");
        if (error instanceof jose.errors.JOSEError) {
          throw new AppError("invalid_credentials", "the token is not valid", { cause: error });
        }
        throw error;
      }
    },
  };
}

/** Creates a new signing key. Tokens of older keys stay valid. Returns the key's `kid`. */
export function rotateSigningKey(deps: TokenDeps, vault: Vault): Promise<string> {
  return addSigningKey(deps, vault, { unlessAny: false });
}

/** With `unlessAny`, creates a key only if no signing key exists. The lock makes this safe in concurrent processes. */
async function addSigningKey(deps: TokenDeps, vault: Vault, options: { unlessAny: boolean }): Promise<string> {
  const jose = await library();
  const pair = await jose.generateKeyPair(algorithm, { crv: "Ed25519", extractable: true });
  const kid = deps.ids.uuid();
  const privateJwk = Buffer.from(JSON.stringify(await jose.exportJWK(pair.privateKey)));
  const publicJwk = { ...(await jose.exportJWK(pair.publicKey)) };
  await deps.db.orm.transaction(async (tx) => {
    await tx.execute("lock table signing_keys in exclusive mode");
    if (options.unlessAny && (await tx.$count(signingKeys)) > 0) return;
    await tx.insert(signingKeys).values({
      kid,
      publicJwk,
      privateCiphertext: vault.seal(privateJwk, sealedPlace.signingKey(kid)),
      createdAt: deps.clock.now(),
    });
  });
  return kid;
}

/** Loads all signing keys, the newest first. */
function loadKeys(db: Database): Promise<KeyRow[]> {
  return db.orm.select().from(signingKeys).orderBy(desc(signingKeys.createdAt), desc(signingKeys.kid));
}
