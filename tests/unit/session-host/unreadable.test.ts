import { type BinaryNode, proto } from "@whiskeysockets/baileys";
import { describe, expect, test } from "vitest";
import { unwrap } from "../../../session-host/inbound/content/unwrap.ts";
import { answerIn, readAnswer, type StoredUnreadable } from "../../../session-host/inbound/unreadable/answer.ts";
import { journalFailure } from "../../../session-host/inbound/unreadable/journal.ts";
import {
  failureReason,
  isPersonal,
  isRepeatable,
  unavailableReason,
} from "../../../session-host/inbound/unreadable/reason.ts";

const bob = "900000000000002@lid";
const me = "900000000000001@lid";
const element = (tag: string, attrs: Record<string, string> = {}, content?: BinaryNode["content"]): BinaryNode => ({
  tag,
  attrs,
  ...(content === undefined ? {} : { content }),
});
const stanza = (children: BinaryNode[], attrs: Record<string, string> = {}): BinaryNode =>
  element("message", { id: "3A01", from: bob, t: "1796000000", type: "text", ...attrs }, children);
const enc = (type: string, attrs: Record<string, string> = {}) =>
  element("enc", { v: "2", type, ...attrs }, Buffer.from("ciphertext"));

describe("the reason why a part of a stanza can't be decrypted", () => {
  test.each<[string, BinaryNode, string | undefined]>([
    ["a view-once message", stanza([element("unavailable", { type: "view_once" })]), "view_once"],
    ["a view-once fan-out", stanza([element("unavailable", { type: "view_once_unavailable_fanout" })]), "view_once"],
    ["a bot fan-out", stanza([element("unavailable", { type: "bot_unavailable_fanout" })]), "bot"],
    ["a message with a bot element", stanza([element("unavailable"), element("bot")]), "bot"],
    ["a message from a bot", stanza([element("unavailable")], { from: "867051314767696@bot" }), "bot"],
    ["a hosted fan-out", stanza([element("unavailable", { type: "hosted_unavailable_fanout" })]), "hosted"],
    ["a hosted message", stanza([element("unavailable", { hosted: "true" })]), "hosted"],
    ["no type", stanza([element("unavailable")]), "no_content"],
    ["a type that nobody knows", stanza([element("unavailable", { type: "constructor" })]), "no_content"],
    ["a stanza without elements", stanza([]), "no_content"],
    ["an encryption that nobody knows", stanza([enc("frskmsg")]), "unsupported_encryption"],
    ["the encryption of bots", stanza([enc("msmsg")]), "unsupported_encryption"],
    ["a ciphertext without bytes", stanza([element("enc", { type: "msg", v: "2" })]), "unsupported_encryption"],
    ["a ciphertext", stanza([enc("msg")]), undefined],
    ["a key and an unknown encryption", stanza([enc("pkmsg"), enc("frskmsg")]), "unsupported_encryption"],
    ["a key and a ciphertext", stanza([enc("pkmsg"), enc("skmsg")]), undefined],
    ["a plaintext", stanza([element("plaintext", {}, Buffer.from("text"))]), undefined],
  ])("%s", (_what, received, reason) => expect(unavailableReason(received)).toBe(reason));

  test.each<[string, Error, string]>([
    ["no session", new Error("No session record"), "no_session"],
    ["no sender key", new Error("No SenderKeyRecord found for decryption"), "no_session"],
    ["a used prekey", new Error("Invalid PreKey ID"), "no_session"],
    ["an unknown version", new Error("Incompatible version number on WhisperMessage"), "unsupported_encryption"],
    ["a wrong MAC", new Error("Bad MAC"), "decryption_failed"],
    ["no session that fits", new Error("No matching sessions found for message"), "decryption_failed"],
  ])("%s", (_what, error, reason) => expect(failureReason(error)).toBe(reason));

  test("Baileys asks the sender again only for an encryption other than that of bots", () => {
    expect(
      [enc("frskmsg"), enc("msmsg"), element("unavailable")].map((child) => isRepeatable(stanza([child]))),
    ).toEqual([true, false, false]);
  });

  test("channel posts, peer messages and stanzas without an id are not messages of people", () => {
    const others = [{ from: "120363000000000001@newsletter" }, { category: "peer" }, { id: "" }];
    expect(others.map((attrs) => isPersonal(stanza([], attrs)))).toEqual([false, false, false]);
    expect(isPersonal(stanza([]))).toBe(true);
  });
});

test("a failed decryption waits for another copy, but not for a sixth one, and a hidden one is marked", () => {
  const dueIn = (received: BinaryNode) => {
    const [item] = journalFailure(received, "decryption_failed")?.unreadable ?? [];
    return { seconds: Math.round(((item?.dueAt?.getTime() ?? 0) - Date.now()) / 1000), hidden: item?.hidden };
  };
  expect(dueIn(stanza([enc("msg")]))).toEqual({ seconds: 10, hidden: false });
  expect(dueIn(stanza([enc("msg", { count: "4" })]))).toEqual({ seconds: 10, hidden: false });
  expect(dueIn(stanza([enc("msg", { count: "5" })]))).toEqual({ seconds: 0, hidden: false });
  expect(dueIn(stanza([enc("msg", { "decrypt-fail": "hide" })]))).toEqual({ seconds: 10, hidden: true });
  expect(journalFailure(stanza([enc("msg")], { category: "peer" }), "decryption_failed")).toBeUndefined();
});

describe("the answer of the phone", () => {
  const { PLACEHOLDER_MESSAGE_RESEND, HISTORY_SYNC_ON_DEMAND } = proto.Message.PeerDataOperationRequestType;
  const { PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE, REVOKE } = proto.Message.ProtocolMessage.Type;
  const answer = (type = PLACEHOLDER_MESSAGE_RESEND, protocolType = PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE) => ({
    protocolMessage: {
      type: protocolType,
      peerDataOperationRequestResponseMessage: { peerDataOperationRequestType: type },
    },
  });
  const isMe = (jid: string) => jid.split(/[:@]/)[0] === me.split("@")[0];

  test.each<[string, proto.IMessage, Record<string, string>, boolean]>([
    ["the owner's phone", answer(), { from: me }, true],
    ["the owner's phone, with a device", answer(), { from: me.replace("@", ":0@") }, true],
    ["another linked device of the owner", answer(), { from: me.replace("@", ":5@") }, false],
    ["a stranger", answer(), { from: bob }, false],
    ["the owner in a group", answer(), { from: "120363000000000001@g.us", participant: me }, false],
    ["a stranger's group", answer(), { from: me, participant: bob }, false],
    ["the phone, about history", answer(HISTORY_SYNC_ON_DEMAND), { from: me }, false],
    ["the phone, about a deletion", answer(PLACEHOLDER_MESSAGE_RESEND, REVOKE), { from: me }, false],
    ["the phone, with a text", { conversation: "text" }, { from: me }, false],
  ])("from %s", (_what, message, attrs, accepted) =>
    expect(answerIn(message, stanza([], attrs), isMe) !== undefined).toBe(accepted),
  );

  const stored = (sender: string): StoredUnreadable => ({
    ...{ waId: "3A01", sender, senderAlt: null, attrs: { id: "3A01", from: sender }, reason: "no_content" },
    ...{ hidden: false, messageId: null, requests: 1 },
  });
  const read = (infos: readonly Uint8Array[], found = [stored(bob)]) =>
    readAnswer(
      {
        peerDataOperationResult: infos.map((webMessageInfoBytes) => ({
          placeholderMessageResendResponse: { webMessageInfoBytes },
        })),
      },
      async (waId) => (waId === "3A01" ? found : []),
    );
  const info = (more: proto.IWebMessageInfo, key: proto.IMessageKey = { remoteJid: bob, id: "3A01" }) =>
    proto.WebMessageInfo.encode({ key, ...more }).finish();

  test("supplies the message with the stanza in which it came", async () => {
    const { supplied, refused } = await read([info({ message: { conversation: "hello" } })]);
    expect(refused).toEqual([]);
    expect(supplied).toMatchObject([{ stanza: { attrs: { from: bob } }, message: { conversation: "hello" } }]);
  });

  test("supplies what is newer than the protobuf definition, and the secret of a poll", async () => {
    const newer = Buffer.from([0xba, 0x3e, 0x03, ...Buffer.from("new")]);
    const message = Buffer.concat([Buffer.from([0x12, newer.length]), newer]);
    const bytes = Buffer.concat([info({ messageSecret: Buffer.alloc(32, 7) }), message]);
    const [supplied] = (await read([bytes])).supplied;
    expect(supplied && unwrap(supplied.message, supplied.encoded)).toMatchObject({
      unknownFields: [999],
      info: { messageSecret: Buffer.alloc(32, 7) },
    });
  });

  test("refuses a message that it has no content of, and nothing else is read from it", async () => {
    const other = info({ message: { conversation: "invented" } }, { remoteJid: bob, id: "3A02" });
    const garbage = Buffer.from("no protobuf");
    const { supplied, refused } = await read([info({}), other, garbage, Buffer.alloc(0)]);
    expect(supplied).toEqual([]);
    expect(refused).toEqual([{ waId: "3A01", sender: bob, dueAt: null }]);
  });

  test("finds the sender among several with the same id", async () => {
    const carol = "900000000000003@lid";
    const key = { remoteJid: "120363000000000001@g.us", participant: carol, id: "3A01" };
    const bytes = info({ message: { conversation: "hello" } }, key);
    const { supplied } = await read([bytes], [stored(bob), stored(carol)]);
    expect(supplied.map(({ stanza: { attrs } }) => attrs.from)).toEqual([carol]);
    expect(
      (await read([info({ message: { conversation: "hello" } })], [stored(carol), stored(carol)])).supplied,
    ).toEqual([]);
  });
});
