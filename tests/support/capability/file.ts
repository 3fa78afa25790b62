import { defineCapability } from "./define.ts";

const conversion = "tests/integration/media/conversion.test.ts";
const withFfmpeg = "tests/debian/gif-and-sticker.test.ts";
const sends = ["POST /api/whatsapp/{instanceId}/send-media", "POST /api/whatsapp/{instanceId}/send-file"];

export const files = [
  defineCapability({
    name: "Send a sticker: WebP, or a picture, GIF or video that is converted",
    commands: ["message.sendMedia"],
    gateway: ["POST /api/message/send/sticker", "POST /api/broadcasts/{instanceId}/{broadcastId}/send"],
    multiInstance: [...sends, "POST /api/whatsapp/{instanceId}/bulk"],
    simulator: "media",
    tests: [
      `${conversion} > a sticker with metadata has the same picture: %s`,
      `${withFfmpeg} > %s becomes a sticker within the limits of WhatsApp's apps`,
    ],
  }),
  defineCapability({
    name: "Send a picture, video or voice note that can be opened once",
    commands: ["message.sendMedia"],
    gateway: ["POST /api/message/send/image", "POST /api/message/send/video", "POST /api/message/send/voice"],
    multiInstance: [...sends, "POST /api/whatsapp/{instanceId}/bulk"],
    simulator: "media",
    tests: [`${conversion} > a view-once message can be opened once, and not be forwarded: %s`],
  }),
  defineCapability({
    name: "Send a picture or video in HD",
    commands: ["message.sendMedia"],
    gateway: ["POST /api/message/send/image", "POST /api/message/send/video"],
    multiInstance: sends,
    simulator: "media",
    tests: [`${conversion} > an HD picture is sent unchanged, and a small one is refused`],
  }),
  defineCapability({
    name: "Send a document with its number of pages and a thumbnail",
    commands: ["message.sendMedia"],
    gateway: ["POST /api/message/send/file"],
    multiInstance: ["POST /api/whatsapp/{instanceId}/send-media"],
    simulator: "media",
    tests: [
      `${conversion} > the number of pages of a document is sent: %s`,
      `${conversion} > a document, a picture and a video have the caller's thumbnail in both dialects`,
    ],
  }),
  defineCapability({
    name: "Send a text with a preview of its link and a large picture",
    commands: ["message.sendText"],
    gateway: ["POST /api/message/send/text", "POST /api/groups/{instanceId}/{groupId}/message"],
    multiInstance: ["POST /api/whatsapp/{instanceId}/send"],
    simulator: "messages",
    tests: [
      "tests/integration/message/gateway-send.test.ts > a text has a preview of its link with a large picture: %s, in the %s dialect",
    ],
  }),
  defineCapability({
    name: "Learn why a live location can't be sent",
    commands: ["message.sendLiveLocation"],
    gateway: ["POST /api/message/send/live-location"],
    multiInstance: [],
    simulator: null,
    tests: ["tests/integration/message/gateway-send.test.ts > %s is rejected with the reason"],
  }),
  defineCapability({
    name: "Send a GIF",
    commands: ["message.sendMedia"],
    gateway: ["POST /api/message/send/image", "POST /api/message/send/video"],
    multiInstance: sends,
    simulator: "media",
    tests: [`${withFfmpeg} > a GIF that is sent as %s plays like a GIF`],
  }),
  defineCapability({
    name: "Post a GIF as a status",
    commands: ["status.sendMedia"],
    gateway: ["POST /api/status/{instanceId}/video", "POST /api/status/{instanceId}/image"],
    multiInstance: [],
    simulator: "statuses",
    tests: [
      "tests/integration/broadcast/status-posts.test.ts > a status post can be an image, a video or a voice note, and reaches only the recipients that the caller names",
    ],
  }),
  defineCapability({
    name: "Send a round video message",
    commands: ["message.sendMedia"],
    gateway: ["POST /api/message/send/video"],
    multiInstance: sends,
    simulator: "media",
    tests: [`${withFfmpeg} > a round video is square, and a square video is not converted`],
  }),
];
