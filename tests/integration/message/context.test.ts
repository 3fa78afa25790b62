import type { proto } from "@whiskeysockets/baileys";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import type { Device } from "../../../simulator/model/account.ts";
import type { Group } from "../../../simulator/model/group.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { type LinkedInstance, linkBothDialects, linkInstance } from "../../support/gateway/linked-gateway.ts";
import { dialects } from "../../support/gateway/rest-client.ts";
import { type Dialect, startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let linked: Record<Dialect, LinkedInstance>;
let bob: Phone;
let carol: Phone;
let group: Group;

beforeAll(async () => {
  gate = await startTestGateway({ env: { OPEN_KEY_GENERATION: "true" } });
  bob = await gate.wa.addPhone({ number: "4915550000002", lid: "900000000000022", pushName: "Bob" });
  carol = await gate.wa.addPhone({ number: "4915550000003", lid: "900000000000023", pushName: "Carol" });
  linked = await linkBothDialects(gate);
  group = bob.createGroup("Crew", [...dialects.map((dialect) => linked[dialect].owner.number), carol.number]);
  // Both accounts know Carol by her number and her LID from now on.
  for (const dialect of dialects) await told(dialect, carol, { conversation: "hello" });
});
afterAll(async () => {
  await gate?.stop();
  expectNoComplaints(gate.wa);
});

/** Sends a message, and returns what the webhook and the history show about it. */
async function told(dialect: Dialect, from: Phone, message: proto.IMessage, to = linked[dialect].owner.number) {
  const { client } = linked[dialect];
  const { id } = await from.sendMessage(to, message);
  const { body } = await client.reported("received", id);
  const chat = to === group.jid ? to : from.number;
  return { webhook: body.data, history: await inHistory(dialect, chat, id) };
}

async function inHistory(dialect: Dialect, chat: string, id: string) {
  const { instance } = linked[dialect].client;
  const path =
    dialect === "gateway"
      ? `/api/message/chat/${instance}/${chat}`
      : `/api/instances/${instance}/chats/${chat}/messages`;
  return await until(async () => {
    const { body } = await gate.api("GET", path);
    const listed: { messageId: string }[] = dialect === "gateway" ? body.data : body.messages;
    return listed.find((message) => message.messageId === id) as Record<string, unknown> | undefined;
  });
}

const text = (contextInfo: proto.IContextInfo, words = "hello"): proto.IMessage => ({
  extendedTextMessage: { text: words, contextInfo },
});
const thumbnail = Buffer.from("a small JPEG");
const picture = { mediaKey: Buffer.alloc(32, 7), directPath: "/v/1", fileSha256: Buffer.alloc(32, 7) };
const base64 = thumbnail.toString("base64");
const plain = {
  quotedMessage: null,
  mentions: [],
  context: {
    ...{ mentioned: [], mentionsAll: false, groupMentions: [], forwarded: null, referral: null, viewOnce: false },
    ...{ ephemeral: 0, edited: false, broadcastList: null, device: 0, businessName: null, truncated: false },
  },
};
const context = (fields: object) => ({ ...plain, context: { ...plain.context, ...fields } });
const noReferral = {
  ...{ isAd: false, ctwaClid: null, sourceType: null, sourceId: null, sourceUrl: null, sourceApp: null, title: null },
  ...{ body: null, mediaType: null, mediaUrl: null, thumbnailUrl: null, thumbnail: null, ref: null, greeting: null },
  ...{ entryPointConversionSource: null, entryPointConversionApp: null, entryPointConversionDelaySeconds: null },
  ...{ entryPointConversionExternalSource: null, entryPointConversionExternalMedium: null, conversionSource: null },
  ...{ conversionData: null, conversionDelaySeconds: null, utmSource: null, utmCampaign: null },
};
const quote = (fields: object) => ({
  ...plain,
  quotedMessage: {
    ...{ messageId: "3EB0QUOTED", participant: bob.jid, lid: null, chatId: bob.jid, fromMe: false, isStatus: false },
    ...{ type: "text", body: "", thumbnail: null, ...fields },
  },
});
const carolByLid = () => ({
  ...{ jid: carol.jid, lid: carol.lidJid, phoneNumber: carol.number, token: "@900000000000023" },
});

interface Case {
  message: (owner: Phone) => proto.IMessage;
  shown: (owner: Phone) => object;
  inGroup?: true;
}
const cases: Record<string, Case> = {
  "a text without context": { message: () => ({ conversation: "hi" }), shown: () => plain },
  "a reply to a text": {
    message: () => text({ stanzaId: "3EB0QUOTED", participant: bob.jid, quotedMessage: { conversation: "first" } }),
    shown: () => quote({ body: "first" }),
  },
  "a reply to a picture without a caption, by a picture in a wrapper": {
    message: () => ({
      ephemeralMessage: {
        message: {
          imageMessage: {
            ...picture,
            contextInfo: {
              ...{ stanzaId: "3EB0QUOTED", participant: bob.lidJid, expiration: 86_400 },
              quotedMessage: { viewOnceMessageV2: { message: { imageMessage: { jpegThumbnail: thumbnail } } } },
            },
          },
        },
      },
    }),
    shown: () => {
      const { quotedMessage } = quote({ type: "image", lid: bob.lidJid, thumbnail: base64 });
      return { ...context({ ephemeral: 86_400 }), quotedMessage };
    },
  },
  "a reply to a status post of the account": {
    message: (owner) =>
      text({
        ...{ stanzaId: "3EB0QUOTED", participant: owner.lidJid, remoteJid: "status@broadcast" },
        quotedMessage: { videoMessage: { caption: "my holiday", jpegThumbnail: thumbnail } },
      }),
    shown: (owner) =>
      quote({
        ...{ participant: owner.jid, lid: owner.lidJid, chatId: "status@broadcast", fromMe: true, isStatus: true },
        ...{ type: "video", body: "my holiday", thumbnail: base64 },
      }),
  },
  "a private reply to a message in a group": {
    message: () =>
      text({
        ...{ stanzaId: "3EB0QUOTED", participant: bob.lidJid, remoteJid: group.jid },
        quotedMessage: { documentMessage: { fileName: "a.pdf", caption: "the plan" } },
      }),
    shown: () => quote({ lid: bob.lidJid, chatId: group.jid, type: "document", body: "the plan" }),
  },
  "a mention by LID in a group": {
    message: () => text({ mentionedJid: [carol.lidJid] }, "ask @900000000000023, please"),
    shown: () => ({ ...context({ mentioned: [carolByLid()] }), mentions: [carol.jid] }),
    inGroup: true,
  },
  "mentions by number in a caption, of a known and an unknown person": {
    message: () => ({
      imageMessage: {
        ...{ ...picture, caption: `(@${carol.number}) and @49155500000031` },
        contextInfo: { mentionedJid: [carol.jid, "4915550000003100@lid", "49155500000031@s.whatsapp.net"] },
      },
    }),
    shown: () => ({
      ...context({
        mentioned: [
          { ...carolByLid(), token: `@${carol.number}` },
          { jid: "4915550000003100@lid", lid: "4915550000003100@lid", phoneNumber: null, token: null },
          {
            ...{ jid: "49155500000031@s.whatsapp.net", lid: null, phoneNumber: "49155500000031" },
            token: "@49155500000031",
          },
        ],
      }),
      mentions: [carol.jid, "4915550000003100@lid", "49155500000031@s.whatsapp.net"],
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
    message: () =>
      text({
        ...{ stanzaId: "3EB0QUOTED", participant: bob.jid },
        quotedMessage: { imageMessage: { caption: "x".repeat(9_000), jpegThumbnail: Buffer.alloc(30_000) } },
      }),
    shown: () => {
      const { quotedMessage } = quote({ type: "image", body: "x".repeat(8_192) });
      return { ...context({ truncated: true }), quotedMessage };
    },
  },
  "a malformed mention": {
    message: () => text({ mentionedJid: ["a b@lid", carol.lidJid] }),
    shown: () => ({
      ...context({ mentioned: [{ ...carolByLid(), token: null }], truncated: true }),
      mentions: [carol.jid],
    }),
  },
};

test.each(dialects.flatMap((dialect) => Object.keys(cases).map((name) => [dialect, name] as const)))(
  "%s: the webhook and the history show %s",
  async (dialect, name) => {
    const { message, shown, inGroup } = cases[name] as Case;
    const { owner } = linked[dialect];
    const { webhook, history } = await told(dialect, bob, message(owner), inGroup ? group.jid : undefined);
    const { quotedMessage, mentions, context: seen } = webhook;
    expect({ quotedMessage, mentions, context: seen }).toEqual(shown(owner));
    expect(history).toMatchObject({ quotedMessage, mentions, context: seen });
  },
);

/** The timer of each webhook about this chat, oldest first. */
const timersOf = (dialect: Dialect, chat: string) =>
  gate.receiver.deliveries
    .filter(({ body }) => body.data.instanceId === linked[dialect].client.instance && body.data.chatId === chat)
    .filter(({ body }) => body.event === (dialect === "gateway" ? "chat.update" : "chat_updated"))
    .map(({ body: { data } }) => data);
const timerWebhooks = (dialect: Dialect, chat: string, count: number) =>
  until(async () => (timersOf(dialect, chat).length >= count ? timersOf(dialect, chat) : undefined));

describe.each(dialects)("%s: a chat with disappearing messages", (dialect) => {
  let dave: Phone;
  beforeAll(async () => {
    const number = dialect === "gateway" ? "4915550000041" : "4915550000042";
    dave = await gate.wa.addPhone({ number, pushName: "Dave" });
  });

  /** Sends one message of each kind through the API, and returns their timers at Dave's phone. */
  async function timersAtDave(): Promise<number[]> {
    const { client } = linked[dialect];
    const ids = [await client.sendText(dave.number, "an answer")];
    if (dialect === "gateway") {
      const post = async (path: string, body: object) => {
        const request = { instanceId: client.instance, to: dave.number, ...body };
        const answer = await gate.api("POST", path, { body: request });
        expect(answer).toMatchObject({ status: 200 });
        ids.push(answer.body.data.messageId);
      };
      await post("/api/message/send/poll", { question: "Which?", options: ["Red", "Blue"] });
      await post("/api/message/send/location", { latitude: 52.5, longitude: 13.4 });
      await post("/api/message/forward", { messageId: ids[0] });
    }
    const arrived = await Promise.all(ids.map((id) => dave.waitFor((message) => message.id === id)));
    return arrived.map(({ expiration }) => expiration ?? 0);
  }
  const everywhere = (seconds: number) => Array(dialect === "gateway" ? 4 : 1).fill(seconds);

  test("our messages carry the timer that the other person's message has, also after a restart", async () => {
    const { owner, client } = linked[dialect];
    expect(await timersAtDave()).toEqual(everywhere(0));
    await told(dialect, dave, text({ expiration: 86_400 }));
    expect(await timersAtDave()).toEqual(everywhere(86_400));
    const id = await client.sendText(dave.number, "shown");
    expect((await client.reported("sent", id)).body.data.context).toMatchObject({
      ephemeral: 86_400,
      device: owner.devices[0]?.id,
    });
    const device = owner.devices[0] as Device;
    const { logins } = device.sockets;
    expect((await client.request("POST", "restart")).status).toBeLessThan(300);
    await until(async () => device.sockets.logins > logins || undefined);
    expect(await timersAtDave()).toEqual(everywhere(86_400));
    expect(timersOf(dialect, dave.jid)).toEqual([]);
  });

  test("a change by either person has a webhook of its own, and no message", async () => {
    const { owner, client } = linked[dialect];
    const change = { chatId: dave.jid, timestamp: expect.any(Number) };
    const setting = await dave.setTimer(owner.number, 604_800);
    const [first] = await timerWebhooks(dialect, dave.jid, 1);
    expect(first).toMatchObject({
      ...{ ...change, by: { id: dave.jid, lid: dave.lidJid }, fromMe: false, changes: { ephemeral: 604_800 } },
    });
    expect(await timersAtDave()).toEqual(everywhere(604_800));
    // The timer of this message is the same, so it changes nothing.
    await told(dialect, dave, { conversation: "still a week" });
    await owner.setTimer(dave.number, 0);
    const [, second, ...others] = await timerWebhooks(dialect, dave.jid, 2);
    expect(second).toMatchObject({
      ...{ ...change, by: { id: owner.jid, lid: owner.lidJid }, fromMe: true, changes: { ephemeral: 0 } },
    });
    expect(others).toEqual([]);
    expect(await timersAtDave()).toEqual(everywhere(0));
    expect(client.allReported(setting.id)).toEqual([]);
    expect((await client.history(dave.number)).map(({ id }) => id)).not.toContain(setting.id);
  });

  test("an older timer in a late message does not replace a newer one", async () => {
    const { owner } = linked[dialect];
    const now = Math.floor(gate.wa.world.clock() / 1000);
    await dave.setTimer(owner.number, 86_400);
    await timerWebhooks(dialect, dave.jid, 3);
    await told(dialect, dave, text({ expiration: 604_800, ephemeralSettingTimestamp: now - 3_600 }));
    expect(await timersAtDave()).toEqual(everywhere(86_400));
    expect(timersOf(dialect, dave.jid)).toHaveLength(3);
  });
});

test("the history that the phone sends after linking reports the timers of its chats", async () => {
  const erin = await gate.wa.addPhone({ number: "4915550000043", pushName: "Erin" });
  const history = [{ with: erin.number, timer: 7_776_000, messages: [{ text: "long ago", timestamp: 1_700_000_000 }] }];
  const owner = await gate.wa.addPhone({ number: "4915550000044", pushName: "Owner", history });
  const { client } = await linkInstance(gate, owner, "gateway");
  await until(async () => {
    const rows = await gate.db.sql`select 1 from chat_timers where instance_id = ${client.instance}`;
    return rows.length > 0 || undefined;
  });
  const id = await client.sendText(erin.number, "hello again");
  expect(await erin.waitFor((message) => message.id === id)).toMatchObject({ expiration: 7_776_000 });
});
