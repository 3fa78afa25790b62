import type { proto } from "@whiskeysockets/baileys";
import type { Phone } from "../../../simulator/index.ts";
import type { Group } from "../../../simulator/model/group.ts";

/** The people of the cases, and a group that all of them are in. */
export interface Scene {
  owner: Phone;
  bob: Phone;
  carol: Phone;
  group: Group;
}

export const text = (contextInfo: proto.IContextInfo, words = "hello"): proto.IMessage => ({
  extendedTextMessage: { text: words, contextInfo },
});
export const thumbnail = Buffer.from("a small JPEG");
export const picture = { mediaKey: Buffer.alloc(32, 7), directPath: "/v/1", fileSha256: Buffer.alloc(32, 7) };
const base64 = thumbnail.toString("base64");
const plain = {
  quotedMessage: null,
  mentions: [],
  context: {
    ...{ mentioned: [], mentionsAll: false, groupMentions: [], forwarded: null, referral: null, viewOnce: false },
    ...{
      parent: null,
      marks: [],
      ephemeral: 0,
      edited: false,
      broadcastList: null,
      device: 0,
      businessName: null,
      truncated: false,
    },
  },
};
const context = (fields: object) => ({ ...plain, context: { ...plain.context, ...fields } });
export const noReferral = {
  ...{ isAd: false, ctwaClid: null, sourceType: null, sourceId: null, sourceUrl: null, sourceApp: null, title: null },
  ...{ body: null, mediaType: null, mediaUrl: null, thumbnailUrl: null, thumbnail: null, ref: null, greeting: null },
  ...{ entryPointConversionSource: null, entryPointConversionApp: null, entryPointConversionDelaySeconds: null },
  ...{ entryPointConversionExternalSource: null, entryPointConversionExternalMedium: null, conversionSource: null },
  ...{ conversionData: null, conversionDelaySeconds: null, utmSource: null, utmCampaign: null },
};
const quote = ({ bob }: Scene, fields: object) => ({
  ...plain,
  quotedMessage: {
    ...{ messageId: "3EB0QUOTED", participant: bob.jid, lid: null, chatId: bob.jid, fromMe: false, isStatus: false },
    ...{ type: "text", body: "", thumbnail: null, ...fields },
  },
});
const carolByLid = ({ carol }: Scene) => ({
  ...{ jid: carol.jid, lid: carol.lidJid, phoneNumber: carol.number, token: "@900000000000023" },
});

export interface ContextCase {
  message: (scene: Scene) => proto.IMessage;
  shown: (scene: Scene) => object;
  inGroup?: true;
}
/** Messages that Bob sends, and what webhooks and histories show about their context. */
export const contextCases: Record<string, ContextCase> = {
  "a text without context": { message: () => ({ conversation: "hi" }), shown: () => plain },
  "a reply to a text": {
    message: (scene) =>
      text({ stanzaId: "3EB0QUOTED", participant: scene.bob.jid, quotedMessage: { conversation: "first" } }),
    shown: (scene) => quote(scene, { body: "first" }),
  },
  "a reply to a picture without a caption, by a picture in a wrapper": {
    message: (scene) => ({
      ephemeralMessage: {
        message: {
          imageMessage: {
            ...picture,
            contextInfo: {
              ...{ stanzaId: "3EB0QUOTED", participant: scene.bob.lidJid, expiration: 86_400 },
              quotedMessage: { viewOnceMessageV2: { message: { imageMessage: { jpegThumbnail: thumbnail } } } },
            },
          },
        },
      },
    }),
    shown: (scene) => {
      const { quotedMessage } = quote(scene, { type: "image", lid: scene.bob.lidJid, thumbnail: base64 });
      return { ...context({ ephemeral: 86_400 }), quotedMessage };
    },
  },
  "a reply to a status post of the account": {
    message: (scene) =>
      text({
        ...{ stanzaId: "3EB0QUOTED", participant: scene.owner.lidJid, remoteJid: "status@broadcast" },
        quotedMessage: { videoMessage: { caption: "my holiday", jpegThumbnail: thumbnail } },
      }),
    shown: (scene) =>
      quote(scene, {
        ...{
          participant: scene.owner.jid,
          lid: scene.owner.lidJid,
          chatId: "status@broadcast",
          fromMe: true,
          isStatus: true,
        },
        ...{ type: "video", body: "my holiday", thumbnail: base64 },
      }),
  },
  "a private reply to a message in a group": {
    message: (scene) =>
      text({
        ...{ stanzaId: "3EB0QUOTED", participant: scene.bob.lidJid, remoteJid: scene.group.jid },
        quotedMessage: { documentMessage: { fileName: "a.pdf", caption: "the plan" } },
      }),
    shown: (scene) =>
      quote(scene, { lid: scene.bob.lidJid, chatId: scene.group.jid, type: "document", body: "the plan" }),
  },
  "a reply to a bare pin, with a useful line": {
    message: (scene) =>
      text({
        ...{ stanzaId: "3EB0QUOTED", participant: scene.bob.jid },
        quotedMessage: {
          locationMessage: { degreesLatitude: 52.52, degreesLongitude: 13.4, jpegThumbnail: thumbnail },
        },
      }),
    shown: (scene) => quote(scene, { type: "location", body: "52.52, 13.4", thumbnail: base64 }),
  },
  "a mention by LID in a group": {
    message: (scene) => text({ mentionedJid: [scene.carol.lidJid] }, "ask @900000000000023, please"),
    shown: (scene) => ({ ...context({ mentioned: [carolByLid(scene)] }), mentions: [scene.carol.jid] }),
    inGroup: true,
  },
  "mentions by number in a caption, of a known and an unknown person": {
    message: (scene) => ({
      imageMessage: {
        ...{ ...picture, caption: `(@${scene.carol.number}) and @49155500000031` },
        contextInfo: { mentionedJid: [scene.carol.jid, "4915550000003100@lid", "49155500000031@s.whatsapp.net"] },
      },
    }),
    shown: (scene) => ({
      ...context({
        mentioned: [
          { ...carolByLid(scene), token: `@${scene.carol.number}` },
          { jid: "4915550000003100@lid", lid: "4915550000003100@lid", phoneNumber: null, token: null },
          {
            ...{ jid: "49155500000031@s.whatsapp.net", lid: null, phoneNumber: "49155500000031" },
            token: "@49155500000031",
          },
        ],
      }),
      mentions: [scene.carol.jid, "4915550000003100@lid", "49155500000031@s.whatsapp.net"],
    }),
  },
  "a mention of everyone, and of a group": {
    message: () =>
      text(
        { nonJidMentions: 1, groupMentions: [{ groupJid: "120363000000000009@g.us", groupSubject: "News" }] },
        "@all look",
      ),
    shown: () =>
      context({ mentionsAll: true, groupMentions: [{ groupId: "120363000000000009@g.us", subject: "News" }] }),
    inGroup: true,
  },
  "a message that was forwarded many times": {
    message: () => text({ isForwarded: true, forwardingScore: 127 }),
    shown: () => context({ forwarded: { score: 127, many: true, channel: null } }),
  },
  "a picture that was forwarded from a channel": {
    message: () => ({
      imageMessage: {
        ...picture,
        contextInfo: {
          ...{ isForwarded: true, forwardingScore: 1 },
          forwardedNewsletterMessageInfo: {
            ...{ newsletterJid: "120363000000000001@newsletter", newsletterName: "Daily", serverMessageId: 5 },
          },
        },
      },
    }),
    shown: () =>
      context({
        forwarded: {
          ...{ score: 1, many: false },
          channel: { id: "120363000000000001@newsletter", name: "Daily", postId: 5 },
        },
      }),
  },
  "a message of a person who comes from an ad": {
    message: () =>
      text({
        ...{ conversionSource: "FB_Ads", conversionData: Buffer.from("opaque"), conversionDelaySeconds: 3 },
        ...{ entryPointConversionSource: "ctwa_ad", entryPointConversionApp: "facebook" },
        entryPointConversionDelaySeconds: 9,
        externalAdReply: {
          ...{ title: "Shoes", body: "Half price", mediaType: 2, sourceType: "ad", sourceId: "120211", ref: "spring" },
          ...{ sourceUrl: "https://fb.me/x", mediaUrl: "https://fb.me/v", thumbnailUrl: "https://fb.me/t", thumbnail },
          ...{ ctwaClid: "ARAkLkA8rmlFeiCktEJQ", sourceApp: "instagram", greetingMessageBody: "Hi! How can we help?" },
        },
      }),
    shown: () =>
      context({
        referral: {
          ...noReferral,
          ...{
            isAd: true,
            ctwaClid: "ARAkLkA8rmlFeiCktEJQ",
            sourceType: "ad",
            sourceId: "120211",
            sourceApp: "instagram",
          },
          ...{ sourceUrl: "https://fb.me/x", title: "Shoes", body: "Half price", mediaType: "video", ref: "spring" },
          ...{ mediaUrl: "https://fb.me/v", thumbnailUrl: "https://fb.me/t", thumbnail: base64 },
          ...{ greeting: "Hi! How can we help?", entryPointConversionSource: "ctwa_ad" },
          ...{ entryPointConversionApp: "facebook", entryPointConversionDelaySeconds: 9, conversionSource: "FB_Ads" },
          ...{ conversionData: Buffer.from("opaque").toString("base64"), conversionDelaySeconds: 3 },
        },
      }),
  },
  "a message of a person who found the account by search": {
    message: () => text({ entryPointConversionSource: "global_search_new_chat" }),
    shown: () => context({ referral: { ...noReferral, entryPointConversionSource: "global_search_new_chat" } }),
  },
  "a context in the header of a template, and in the template itself": {
    message: () => ({
      templateMessage: {
        contextInfo: { forwardingScore: 1 },
        hydratedTemplate: { imageMessage: { ...picture, contextInfo: { expiration: 604_800 } } },
      },
    }),
    shown: () => context({ ephemeral: 604_800, forwarded: { score: 1, many: false, channel: null } }),
  },
  "a view-once picture in a wrapper": {
    message: () => ({ viewOnceMessageV2: { message: { imageMessage: picture } } }),
    shown: () => context({ viewOnce: true }),
  },
  "a view-once voice note with a flag": {
    message: () => ({ audioMessage: { ...picture, viewOnce: true } }),
    shown: () => context({ viewOnce: true }),
  },
  "a message that was edited before it arrived": {
    message: () => ({ editedMessage: { message: { conversation: "corrected" } } }),
    shown: () => context({ edited: true }),
  },
  "a context with parts that are too large or malformed": {
    message: (scene) =>
      text({
        ...{ stanzaId: "3EB0QUOTED", participant: scene.bob.jid },
        quotedMessage: { imageMessage: { caption: "x".repeat(9_000), jpegThumbnail: Buffer.alloc(30_000) } },
      }),
    shown: (scene) => {
      const { quotedMessage } = quote(scene, { type: "image", body: "x".repeat(8_192) });
      return { ...context({ truncated: true }), quotedMessage };
    },
  },
  "a malformed mention": {
    message: (scene) => text({ mentionedJid: ["a b@lid", scene.carol.lidJid] }),
    shown: (scene) => ({
      ...context({ mentioned: [{ ...carolByLid(scene), token: null }], truncated: true }),
      mentions: [scene.carol.jid],
    }),
  },
};
