import { z } from "zod";
import { messageOf, phoneOf, sentOf } from "../base/lookup.ts";
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
    run: async (asked) => {
      const { to, text, quote, ...options } = asked.body;
      const quoted = quote === undefined ? {} : { quote: messageOf(asked, quote) };
      return sentView(await phoneOf(asked).sendText(to, text, { ...present(options), ...quoted }));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/media",
    summary: "Send a file, encrypted, through the media host",
    body: schema.SendMedia,
    answer: schema.SentView,
    run: async (asked) => {
      const { to, kind, data, ...options } = asked.body;
      return sentView(await phoneOf(asked).sendMedia(to, kind, Buffer.from(data, "base64"), present(options)));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/react",
    summary: "React to a message",
    body: schema.React,
    answer: schema.SentView,
    run: async (asked) => {
      const { message, emoji } = asked.body;
      return sentView(await phoneOf(asked).react(messageOf(asked, message), emoji));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/edit",
    summary: "Edit the text of a message that the phone sent",
    body: schema.Edit,
    answer: schema.SentView,
    run: async (asked) => {
      const { message, text } = asked.body;
      return sentView(await phoneOf(asked).edit(sentOf(asked, message), text));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/revoke",
    summary: "Delete a message for everyone",
    body: schema.Revoke,
    answer: schema.SentView,
    run: async (asked) => {
      const phone = phoneOf(asked);
      const { message } = asked.body;
      return sentView(await phone.revoke(phone.sent.get(message) ?? messageOf(asked, message)));
    },
  }),
  route({
    method: "get",
    path: "/phones/{number}/sent/{id}",
    summary: "Get a message that the phone sent, with its status; optionally wait for a status",
    query: schema.SentQuery,
    answer: schema.SentView,
    run: async (asked) => {
      const { status, timeoutMs } = asked.query;
      const sent = sentOf(asked);
      if (!status) return sentView(sent);
      return sentView(await withStatus(408, () => phoneOf(asked).waitForStatus(sent, status, { timeoutMs })));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/typing",
    summary: "Start or stop typing or recording in a chat",
    body: schema.SetTyping,
    run: (asked) => phoneOf(asked).setTyping(asked.body.to, asked.body.state),
  }),
  route({
    method: "get",
    path: "/phones/{number}/typing",
    summary: "List who typed to the phone, oldest first",
    answer: z.array(schema.TypingView),
    run: (asked) => phoneOf(asked).typing,
  }),
];
