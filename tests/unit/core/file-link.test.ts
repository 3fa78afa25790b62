import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { createVault } from "../../../core/crypto/index.ts";
import { mediaKey } from "../../../core/media/index.ts";
import { openFileLink, signFileLink } from "../../../core/webhook/delivery/file-link.ts";

const vault = createVault(new Map([[1, randomBytes(32)]]), 1);
const instanceId = "01a1fe59-4240-70ba-a27b-67df6bf77efc";
const now = new Date("2026-01-01T00:00:00Z");
const expires = new Date("2026-01-02T00:00:00Z");
const signed = (fileId: string, publicUrl = "https://api.example.com") =>
  new URL(signFileLink({ publicUrl, vault }, { instanceId, storageKey: mediaKey(instanceId, fileId) }, expires));
const open = (fileId: string, token: string, at = now) => openFileLink(vault, { fileId, token }, at);

test("a link opens its file until it expires", () => {
  const link = signed("3EB0A");
  const token = link.searchParams.get("token") ?? "";
  expect(link.href).toMatch(/^https:\/\/api\.example\.com\/api\/files\/3EB0A\?token=[\w-]+$/);
  expect(open("3EB0A", token)).toEqual({ instanceId, fileId: "3EB0A" });
  expect(open("3EB0A", token, new Date(expires.getTime() - 1))).toBeDefined();
  expect(open("3EB0A", token, expires)).toBeUndefined();
});

test("a link keeps the path of the public URL", () => {
  expect(signed("3EB0A", "https://example.com/gateway/").href).toMatch(
    /^https:\/\/example\.com\/gateway\/api\/files\//,
  );
});

test("a token for another file, an altered token and an invented token open nothing", () => {
  const token = signed("3EB0A").searchParams.get("token") ?? "";
  expect(open("3EB0B", token)).toBeUndefined();
  const bytes = Buffer.from(token, "base64url");
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  for (const forged of [bytes.toString("base64url"), "", "x", "ü", randomBytes(64).toString("base64url")])
    expect(open("3EB0A", forged)).toBeUndefined();
});
