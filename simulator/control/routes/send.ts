import { z } from "zod";
import { anyMessageOf, messageOf, phoneOf, sentOf } from "../base/lookup.ts";
import { readMessage } from "../base/message.ts";
import { present } from "../base/present.ts";
import { withStatus } from "../base/problem.ts";
import { type Route, route } from "../base/route.ts";
import * as schema from "../base/schema.ts";
import { sentView } from "../base/view.ts";

/** Messages that a phone sends. */
export const sendRoutes: Route[] = [
  route({
    method: "post",
    path: "/phones/{number}/text",
    summary: "Send a text",
    body: schema.SendText,
    answer: schema.SentView,
    run: async (request) => {
      const { to, text, quote, ...options } = request.body;
      const quoted = quote === undefined ? {} : { quote: messageOf(request, quote) };
      return sentView(await phoneOf(request).sendText(to, text, { ...present(options), ...quoted }));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/media",
    summary: "Send a file, encrypted, through the media host",
    body: schema.SendMedia,
    answer: schema.SentView,
    run: async (request) => {
      const { to, kind, data, ...options } = request.body;
      return sentView(await phoneOf(request).sendMedia(to, kind, Buffer.from(data, "base64"), present(options)));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/message",
    summary: "Send any message: templates, buttons, orders, and everything else that the protobuf has",
    body: schema.SendMessage,
    answer: schema.SentView,
    run: async (request) => {
      const { to, message, files, ...options } = request.body;
      const phone = phoneOf(request);
      return sentView(await phone.sendMessage(to, await readMessage(phone, message, files), present(options)));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/timer",
    summary: "Set the timer for disappearing messages of a chat with one person",
    body: schema.SetTimer,
    answer: schema.SentView,
    run: async (request) => {
      const { to, seconds, ...options } = request.body;
      return sentView(await phoneOf(request).setTimer(to, seconds, present(options)));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/react",
    summary: "React to a message",
    body: schema.React,
    answer: schema.SentView,
    run: async (request) => {
      const { message, emoji, sealed } = request.body;
      const phone = phoneOf(request);
      const target = anyMessageOf(request, message);
      return sentView(await (sealed ? phone.about.sealedReaction(target, emoji) : phone.react(target, emoji)));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/comment",
    summary: "Comment on a message in the announcement group of a community",
    body: schema.Comment,
    answer: schema.SentView,
    run: async (request) => {
      const { message, text } = request.body;
      return sentView(await phoneOf(request).about.sealedComment(anyMessageOf(request, message), text));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/pin",
    summary: "Pin a message in its chat, or remove the pin",
    body: schema.Pin,
    answer: schema.SentView,
    run: async (request) => {
      const { about } = phoneOf(request);
      const { message, seconds } = request.body;
      const target = anyMessageOf(request, message);
      return sentView(await (seconds === 0 ? about.unpin(target) : about.pin(target, seconds)));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/keep",
    summary: "Keep a message of a chat whose messages disappear, or stop keeping it",
    body: schema.Keep,
    answer: schema.SentView,
    run: async (request) => {
      const { message, kept } = request.body;
      return sentView(await phoneOf(request).about.keep(anyMessageOf(request, message), kept));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/edit",
    summary: "Edit the text of a message that the phone sent",
    body: schema.Edit,
    answer: schema.SentView,
    run: async (request) => {
      const { message, text, sealed } = request.body;
      const phone = phoneOf(request);
      const sent = sentOf(request, message);
      return sentView(await (sealed ? phone.about.sealedEdit(sent, text) : phone.edit(sent, text)));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/revoke",
    summary: "Delete a message for everyone",
    body: schema.Revoke,
    answer: schema.SentView,
    run: async (request) => {
      const { message } = request.body;
      return sentView(await phoneOf(request).revoke(anyMessageOf(request, message)));
    },
  }),
  route({
    method: "get",
    path: "/phones/{number}/sent/{id}",
    summary:
      "Get a message that the phone sent, with its status. With `status`, waits for that status and returns 408 after the timeout.",
    query: schema.SentQuery,
    answer: schema.SentView,
    run: async (request) => {
      const { status, timeoutMs } = request.query;
      const sent = sentOf(request);
      if (!status) return sentView(sent);
      return sentView(await withStatus(408, () => phoneOf(request).waitForStatus(sent, status, { timeoutMs })));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/typing",
    summary: "Set the typing or recording state of the phone in a chat",
    body: schema.SetTyping,
    run: (request) => phoneOf(request).setTyping(request.body.to, request.body.state),
  }),
  route({
    method: "get",
    path: "/phones/{number}/typing",
    summary: "List the typing and recording states that the phone has received, oldest first",
    answer: z.array(schema.TypingView),
    run: (request) => phoneOf(request).typing,
  }),
];
