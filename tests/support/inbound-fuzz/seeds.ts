import type { Account } from "../../../simulator/model/account.ts";
import type { Group } from "../../../simulator/model/group.ts";
import type { Phone } from "../../../simulator/phone/phone.ts";
import type { proto } from "../../../simulator/wire/baileys.ts";
import { type BinaryNode, node } from "../../../simulator/wire/node.ts";
import { contentCases } from "../content/cases.ts";

export interface Scene {
  stranger: Phone;
  /** The attacked account. */
  owner: Account;
  group: Group;
}

const bytes = (length: number) => Buffer.alloc(length, 7);
const file = {
  ...{ mediaKey: bytes(32), directPath: "/v/1", url: "https://mmg.whatsapp.net/v/1", fileSha256: bytes(32) },
  ...{ fileEncSha256: bytes(32), fileLength: 5, mimetype: "image/png", jpegThumbnail: bytes(20) },
};
const sealed = { encPayload: bytes(64), encIv: bytes(12) };
const secret = { messageContextInfo: { messageSecret: bytes(32) } };

/** Messages that people send, as phones encode them. */
export function baseMessages({ stranger, owner, group }: Scene): proto.IMessage[] {
  const key = { remoteJid: stranger.lidJid, id: "3EB0FUZZ", fromMe: false, participant: stranger.lidJid };
  const contextInfo = {
    ...{ stanzaId: "3EB0FUZZ", participant: owner.lidJid, quotedMessage: { conversation: "quoted" } },
    ...{ mentionedJid: [owner.lidJid, stranger.jid], expiration: 86_400, isForwarded: true, forwardingScore: 2 },
    ...{ remoteJid: "status@broadcast", nonJidMentions: 1, ephemeralSettingTimestamp: 1_700_000_000 },
    groupMentions: [{ groupJid: group.jid, groupSubject: "x" }],
    forwardedNewsletterMessageInfo: { newsletterJid: "120363000000000001@newsletter", newsletterName: "x" },
    ...{ entryPointConversionSource: "ctwa_ad", entryPointConversionDelaySeconds: 1, conversionData: bytes(20) },
    externalAdReply: { ctwaClid: "x", sourceType: "ad", sourceId: "1", title: "x", mediaType: 1, thumbnail: bytes(20) },
  };
  const protocol = (message: proto.Message.IProtocolMessage): proto.IMessage => ({ protocolMessage: message });
  return [
    { conversation: "hello" },
    ...Object.values(contentCases).map(({ message }) => message),
    { extendedTextMessage: { text: "hello https://example.com", contextInfo, title: "a page", matchedText: "x" } },
    { imageMessage: { ...file, caption: "a picture", width: 1, height: 1, contextInfo } },
    { videoMessage: { ...file, mimetype: "video/mp4", seconds: 3, caption: "a film" } },
    { audioMessage: { ...file, mimetype: "audio/ogg", seconds: 3, ptt: true, waveform: bytes(64) } },
    { documentMessage: { ...file, fileName: "a.pdf", title: "a.pdf", mimetype: "application/pdf", pageCount: 2 } },
    { documentWithCaptionMessage: { message: { documentMessage: { ...file, fileName: "a.pdf", caption: "x" } } } },
    { stickerMessage: { ...file, mimetype: "image/webp" } },
    { viewOnceMessage: { message: { imageMessage: file } } },
    { ephemeralMessage: { message: { extendedTextMessage: { text: "gone soon", contextInfo } } } },
    { locationMessage: { degreesLatitude: 52.5, degreesLongitude: 13.4, name: "Berlin", address: "x" } },
    { liveLocationMessage: { degreesLatitude: 52.5, degreesLongitude: 13.4, sequenceNumber: 1, caption: "x" } },
    { contactMessage: { displayName: "Bob", vcard: "BEGIN:VCARD\nEND:VCARD" } },
    { contactsArrayMessage: { displayName: "2 contacts", contacts: [{ displayName: "Bob", vcard: "x" }] } },
    { reactionMessage: { key, text: "👍", senderTimestampMs: 1_700_000_000_000 } },
    {
      pollCreationMessageV3: {
        name: "Lunch?",
        options: [{ optionName: "yes" }, { optionName: "no" }],
        selectableOptionsCount: 1,
      },
      ...secret,
    },
    { pollUpdateMessage: { pollCreationMessageKey: key, vote: { encPayload: bytes(64), encIv: bytes(12) } } },
    {
      eventMessage: { name: "Party", description: "x", startTime: 2_000_000_000, location: { name: "here" } },
      ...secret,
    },
    { encEventResponseMessage: { eventCreationMessageKey: key, encPayload: bytes(64), encIv: bytes(12) } },
    protocol({ key, type: 0 }),
    {
      editedMessage: {
        message: protocol({ key, type: 14, editedMessage: { conversation: "edited" }, timestampMs: 1 }),
      },
    },
    protocol({ type: 3, ephemeralExpiration: 86_400, ephemeralSettingTimestamp: 1 }),
    protocol({ type: 5, historySyncNotification: { ...file, syncType: 3, chunkOrder: 1, progress: 10 } }),
    protocol({
      type: 6,
      appStateSyncKeyShare: { keys: [{ keyId: { keyId: bytes(6) }, keyData: { keyData: bytes(32) } }] },
    }),
    protocol({ type: 17, peerDataOperationRequestResponseMessage: { stanzaId: "x", peerDataOperationResult: [{}] } }),
    {
      conversation: "x",
      senderKeyDistributionMessage: { groupId: group.jid, axolotlSenderKeyDistributionMessage: bytes(70) },
    },
    { deviceSentMessage: { destinationJid: stranger.jid, message: { conversation: "as if from another device" } } },
    { groupInviteMessage: { groupJid: group.jid, inviteCode: "abc", groupName: "x", caption: "join" } },
    { listMessage: { title: "x", sections: [{ title: "a", rows: [{ title: "b", rowId: "c" }] }] } },
    { buttonsMessage: { contentText: "x", buttons: [{ buttonId: "1", buttonText: { displayText: "y" } }] } },
    { templateButtonReplyMessage: { selectedId: "1", selectedDisplayText: "y", contextInfo } },
    { orderMessage: { orderId: "1", itemCount: 1, message: "x", sellerJid: stranger.jid, token: "t" } },
    { newsletterAdminInviteMessage: { newsletterJid: "120363000000000001@newsletter", newsletterName: "x" } },
    { pinInChatMessage: { key, type: 1, senderTimestampMs: 1 } },
    { keepInChatMessage: { key, keepType: 1, timestampMs: 1 } },
    ...[1, 2, 4, 5].map((secretEncType) => ({
      secretEncryptedMessage: { targetMessageKey: key, ...sealed, secretEncType },
    })),
    { encReactionMessage: { targetMessageKey: key, ...sealed } },
    { encCommentMessage: { targetMessageKey: key, ...sealed } },
    { call: { callKey: bytes(16) } },
    { bcallMessage: { sessionId: "x", caption: "x" } },
    { albumMessage: { expectedImageCount: 2, contextInfo } },
  ];
}

/** Other stanzas that a stranger can cause, as the server delivers them. */
export function baseStanzas({ stranger, owner, group }: Scene, id: string): BinaryNode[] {
  const t = stranger.world.seconds;
  const from = stranger.lidJid;
  const inGroup = { id, t, from: group.jid, participant: from, participant_pn: stranger.jid, addressing_mode: "lid" };
  const change = (child: BinaryNode, type = "w:gp2") => node("notification", { ...inGroup, type }, [child]);
  const people = [node("participant", { jid: "5001@lid", phone_number: "4915550009999@s.whatsapp.net" })];
  const call = (child: BinaryNode) => node("call", { id, t, from, notify: stranger.pushName }, [child]);
  const callAttrs = { "call-id": `CALL${id}`, "call-creator": from };
  return [
    ...["", "read", "played", "inactive", "server-error", "retry"].map((type) =>
      node("receipt", { id: "3EB0FUZZ", t, from, ...(type ? { type } : {}) }, [
        node("list", {}, [node("item", { id: "3EB0OTHER" })]),
        node("retry", { count: "1", id: "3EB0FUZZ", t, v: "1" }),
        node("registration", {}, bytes(4)),
      ]),
    ),
    node("receipt", { id: "3EB0FUZZ", t, from: group.jid, participant: from, type: "read" }),
    change(node("subject", { subject: "a new subject", s_t: t })),
    change(node("description", { id: "D1" }, [node("body", {}, "a description")])),
    change(node("add", {}, people)),
    change(node("remove", {}, people)),
    change(node("promote", {}, people)),
    change(node("ephemeral", { expiration: "86400" })),
    change(node("locked")),
    change(node("announcement")),
    change(node("invite", { code: "abcdef" })),
    change(node("member_add_mode", {}, "all_member_add")),
    change(node("membership_approval_mode", {}, [node("group_join", { state: "on" })])),
    change(node("created_membership_requests", { request_method: "invite_link" }, people)),
    change(node("modify", {}, people)),
    change(
      node("create", { type: "new" }, [node("group", { id: "120363000000000002", subject: "x", creation: t }, people)]),
    ),
    change(node("set", { id: "P1", author: from }), "picture"),
    node("notification", { id, t, from, type: "picture" }, [node("set", { id: "P1", hash: "x" })]),
    node("notification", { id, t, from, type: "devices" }, [node("add", {}, [node("device", { jid: from })])]),
    node("notification", { id, t, from, type: "encrypt" }, [node("identity")]),
    node("notification", { id, t, from, type: "status" }, [node("set", {}, "about me")]),
    node("notification", { id, t, from, type: "privacy_token" }, [
      node("tokens", {}, [node("token", { jid: from, t, type: "trusted_contact" }, bytes(20))]),
    ]),
    node("notification", { id, t, from, type: "mediaretry" }, [
      node("encrypt", {}, [node("enc_p", {}, bytes(40)), node("enc_iv", {}, bytes(12))]),
      node("rmr", { jid: from, from_me: "false" }),
    ]),
    node("notification", { id, t, from: "s.whatsapp.net", type: "mex" }, [
      node(
        "update",
        { op_name: "NotificationNewsletterJoin" },
        Buffer.from(
          JSON.stringify({ data: { xwa2_notify_newsletter_on_join: { id: "120363000000000001@newsletter" } } }),
        ),
      ),
    ]),
    node("message", { id, t, from: "120363000000000001@newsletter", type: "text", server_id: "5" }, [
      node("plaintext", {}, Buffer.from([0x0a, 0x02, 0x68, 0x69])),
    ]),
    call(node("offer", { ...callAttrs, caller_pn: stranger.jid }, [node("audio")])),
    call(node("offer", { ...callAttrs, type: "group", "group-jid": group.jid }, [node("video")])),
    call(node("terminate", { ...callAttrs, reason: "timeout" })),
    call(node("relaylatency", { ...callAttrs, latency: "5" })),
    node("presence", { from, type: "unavailable", last: t }),
    node("chatstate", { from, t }, [node("composing")]),
    node("message", { id, t, from, type: "text" }, [node("unavailable", { type: "view_once" })]),
    node("message", { id, t, from, type: "text" }, [node("enc", { v: "2", type: "msmsg" }, bytes(30))]),
    node("message", { id, t, from: "status@broadcast", participant: from, type: "text" }, [
      node("enc", { v: "2", type: "skmsg" }, bytes(90)),
    ]),
    node("message", { id, t, from, recipient: owner.lidJid, type: "text" }, [
      node("enc", { v: "2", type: "msg" }, bytes(90)),
    ]),
  ];
}
