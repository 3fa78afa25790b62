import { randomBytes } from "node:crypto";

/** Returns a new message id with the prefix `3A`, as phones create them. */
export function newMessageId(): string {
  return `3A${randomBytes(9).toString("hex").toUpperCase()}`;
}
