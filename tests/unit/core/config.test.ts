import { expect, test } from "vitest";
import { ConfigError, readConfig, required } from "../../../core/config.ts";

test("an empty environment gives the defaults", () => {
  const config = readConfig({});
  expect([config.PORT, config.HOST, config.DATA_DIR, config.SHARDS, config.EGRESS_ALLOW]).toEqual([
    3000,
    "127.0.0.1",
    ".switchboard",
    4,
    [],
  ]);
});

test("an empty variable counts as absent", () => {
  expect(readConfig({ PORT: "", WHATSAPP_URL: "" }).PORT).toBe(3000);
});

test.each([
  ["PORT", "99999"],
  ["DATABASE_URL", "mysql://x/y"],
  ["SHARDS", "0"],
  ["EGRESS_ALLOW", "127.0.0.0/8,nonsense"],
  ["RATE_LIMIT", "-1"],
  ["OPEN_KEY_GENERATION", "perhaps"],
  ["INGRESS_SENDERS", "AIDA123"],
  ["REPLY_QUEUES", "orders"],
  ["WHATSAPP_URL", "http://127.0.0.1"],
  ["WHATSAPP_ROOT_KEY", "abc"],
  ["WHATSAPP_VERSION", "2.3000"],
  ["WHATSAPP_VERSION", "2.3000.10438-alpha"],
  ["WHATSAPP_VERSION", "2.3000.99999999999"],
  ["ADMIN_EMAIL", "nobody"],
])("%s=%s is rejected with the name of the variable", (name, value) => {
  expect(() => readConfig({ [name]: value })).toThrow(ConfigError);
  expect(() => readConfig({ [name]: value })).toThrow(name);
});

test("a list of IPv4 and IPv6 ranges is parsed", () => {
  expect(readConfig({ EGRESS_ALLOW: "127.0.0.0/8, ::1/128" }).EGRESS_ALLOW).toEqual(["127.0.0.0/8", "::1/128"]);
});

test("allowed senders and reply queues are parsed as lists", () => {
  const { INGRESS_SENDERS, REPLY_QUEUES } = readConfig({
    INGRESS_SENDERS: "AIDA1=ann@example.com, AROA2:session=bob@example.com",
    REPLY_QUEUES: "orders.fifo, other.fifo",
  });
  expect([...INGRESS_SENDERS]).toEqual([
    ["AIDA1", "ann@example.com"],
    ["AROA2:session", "bob@example.com"],
  ]);
  expect(REPLY_QUEUES).toEqual(["orders.fifo", "other.fifo"]);
});

test("a client version is parsed as three numbers", () => {
  expect(readConfig({ WHATSAPP_VERSION: "2.3000.1043857760" }).WHATSAPP_VERSION).toEqual([2, 3000, 1043857760]);
});

test("the error for a missing required setting names it", () => {
  expect(() => required(readConfig({}), "DATABASE_URL")).toThrow("DATABASE_URL: must be set");
});
