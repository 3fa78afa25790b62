import { expect } from "vitest";
import type { WhatsApp } from "../../../simulator/index.ts";

/** Fails if the simulated WhatsApp received a stanza it doesn't know, or if a phone couldn't read something. */
export function expectNoComplaints(wa: WhatsApp): void {
  expect(wa.unknown).toEqual([]);
  for (const phone of wa.phones) expect(phone.errors).toEqual([]);
}
