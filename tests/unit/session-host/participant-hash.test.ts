import { DOUBLE_BYTE_TOKENS } from "@whiskeysockets/baileys/lib/WABinary/constants.js";
import { expect, test } from "vitest";
import { participantHash } from "../../../session-host/baileys/send/participant-hash.ts";

const devices = ["4915550000002@s.whatsapp.net", "4915550000002:7@s.whatsapp.net", "900000000000003:12@lid"];

test("the hash of no devices is the one in WhatsApp's dictionary of tokens", () => {
  expect(DOUBLE_BYTE_TOKENS.flat()).toContain(participantHash([]));
});

test("the hash of devices depends neither on their order nor on repetitions, but on each device", () => {
  const hash = participantHash(devices);
  expect(hash).toMatch(/^2:[\w+/]{8}$/);
  expect(participantHash([...devices, ...devices].reverse())).toBe(hash);
  expect(participantHash(devices.slice(1))).not.toBe(hash);
});
