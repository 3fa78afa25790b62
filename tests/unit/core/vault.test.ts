import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { closedVault, createVault } from "../../../core/crypto/index.ts";
import { localWrapper } from "../../../core/crypto/wrapper.ts";

const key = randomBytes(32);
const vault = createVault(new Map([[1, key]]), 1);

test("a ciphertext decrypts only at the place that it was sealed for", () => {
  const sealed = vault.seal(Buffer.from("secret"), "row 1");
  expect(vault.open(sealed, "row 1").toString()).toBe("secret");
  expect(() => vault.open(sealed, "row 2")).toThrow();
});

test("an altered or truncated ciphertext is rejected", () => {
  const sealed = vault.seal(Buffer.from("secret"), "row");
  for (let index = 0; index < sealed.length; index++) {
    const altered = Buffer.from(sealed);
    altered[index] = (altered[index] ?? 0) ^ 1;
    expect(() => vault.open(altered, "row")).toThrow();
  }
  expect(() => vault.open(sealed.subarray(0, 20), "row")).toThrow();
});

test("the same text is encrypted differently each time", () => {
  expect(vault.seal(Buffer.from("x"), "row").equals(vault.seal(Buffer.from("x"), "row"))).toBe(false);
});

test("after a rotation the new key encrypts and the old key still decrypts", () => {
  const before = vault.seal(Buffer.from("old"), "row");
  const rotated = createVault(
    new Map([
      [1, key],
      [2, randomBytes(32)],
    ]),
    2,
  );
  expect(rotated.open(before, "row").toString()).toBe("old");
  const after = rotated.seal(Buffer.from("new"), "row");
  expect(after.readUInt32BE(1)).toBe(2);
  expect(() => vault.open(after, "row")).toThrow("data key 2 is not known");
});

test("a closed vault neither encrypts nor decrypts", () => {
  expect(() => closedVault.seal(Buffer.from("x"), "row")).toThrow("closed");
  expect(() => closedVault.open(vault.seal(Buffer.from("x"), "row"), "row")).toThrow("closed");
});

test("a data key unwraps only with the master key that wrapped it", async () => {
  const wrapped = await localWrapper(key).wrap(randomBytes(32));
  await expect(localWrapper(key).unwrap(wrapped)).resolves.toHaveLength(32);
  await expect(localWrapper(randomBytes(32)).unwrap(wrapped)).rejects.toThrow();
});
