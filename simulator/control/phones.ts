import { z } from "zod";
import type { InboxMessage } from "../phone/mailbox/inbox.ts";
import type { SentMessage } from "../phone/mailbox/sent.ts";
import { PairingError } from "../phone/pairing.ts";
import type { Phone, PhoneOptions } from "../phone/phone.ts";
import { NotOnWhatsApp } from "../phone/sender.ts";
import type { WhatsApp } from "../server/whatsapp.ts";
import { readContent } from "../wire/content.ts";
import { ControlError, type Route, route } from "./route.ts";
import * as schema from "./schema.ts";
import { deviceView, groupView, messageView, phoneView, sentView } from "./view.ts";

/** Drops keys without a value, which the phone's own options do not know. */
function present<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}

async function refused<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PairingError) throw new ControlError(409, error.message);
    if (error instanceof NotOnWhatsApp) throw new ControlError(404, error.message);
    throw error;
  }
}

async function orTimeout<T>(waiting: Promise<T>): Promise<T> {
  try {
    return await waiting;
  } catch (error) {
    throw new ControlError(408, error instanceof Error ? error.message : String(error));
  }
}

/** Phones: linking, sending, receiving. */
export function phoneRoutes(wa: WhatsApp): Route[] {
  const phone = (params: Record<string, string>): Phone => {
    const found = wa.phone(params.number ?? "");
    if (!found) throw new ControlError(404, `there is no phone ${params.number}`);
    return found;
  };
  const message = (params: Record<string, string>, id = params.id): InboxMessage => {
    const found = phone(params).inbox.messages.find((candidate) => candidate.id === id);
    if (!found) throw new ControlError(404, `the phone has no message ${id}`);
    return found;
  };
  const sent = (params: Record<string, string>, id = params.id): SentMessage => {
    const found = phone(params).sent.get(id ?? "");
    if (!found) throw new ControlError(404, `the phone did not send ${id}`);
    return found;
  };
  const survey = (params: Record<string, string>, id: string, kind: "poll" | "event"): InboxMessage | SentMessage => {
    const found = phone(params).sent.get(id) ?? message(params, id);
    if (!readContent(found.message)[kind]) throw new ControlError(409, `${id} is no ${kind}`);
    return found;
  };
  return [
    route({
      method: "post",
      path: "/phones",
      summary: "Add a phone",
      body: schema.NewPhone,
      answer: schema.PhoneView,
      run: async ({ body }) => {
        if (wa.phone(body.number)) throw new ControlError(409, `there is a phone ${body.number} already`);
        return phoneView(await wa.addPhone(present(body) as PhoneOptions));
      },
    }),
    route({
      method: "get",
      path: "/phones",
      summary: "List phones",
      answer: z.array(schema.PhoneView),
      run: () => wa.phones.map(phoneView),
    }),
    route({
      method: "get",
      path: "/phones/{number}",
      summary: "One phone",
      answer: schema.PhoneView,
      run: ({ params }) => phoneView(phone(params)),
    }),
    route({
      method: "patch",
      path: "/phones/{number}",
      summary: "Rename a phone, take it offline or online, change its habits",
      body: schema.PhoneChange,
      answer: schema.PhoneView,
      run: ({ params, body }) => {
        const found = phone(params);
        if (body.pushName !== undefined) found.setPushName(body.pushName);
        if (body.autoRead !== undefined) found.autoRead = body.autoRead;
        if (body.addressing !== undefined) found.addressing = body.addressing;
        if (body.online === true) found.goOnline();
        if (body.online === false) found.goOffline();
        return phoneView(found);
      },
    }),
    route({
      method: "post",
      path: "/phones/{number}/scan",
      summary: "Scan a QR code",
      body: schema.Scan,
      answer: schema.DeviceView,
      run: ({ params, body }) => refused(async () => deviceView(await phone(params).scanQr(body.qr))),
    }),
    route({
      method: "post",
      path: "/phones/{number}/link",
      summary: "Type in a linking code",
      body: schema.LinkCode,
      answer: schema.DeviceView,
      run: ({ params, body: { code, timeoutMs } }) =>
        refused(async () => deviceView(await phone(params).linkWithCode(code, { timeoutMs }))),
    }),
    route({
      method: "delete",
      path: "/phones/{number}/devices/{device}",
      summary: "Unlink a device: its socket gets 401",
      run: ({ params }) => refused(() => phone(params).unlink(Number(params.device))),
    }),
    route({
      method: "post",
      path: "/phones/{number}/text",
      summary: "Send a text",
      body: schema.SendText,
      answer: schema.SentView,
      run: ({ params, body: { to, text, quote, ...options } }) =>
        refused(async () => {
          const quoted = quote === undefined ? {} : { quote: message(params, quote) };
          return sentView(await phone(params).sendText(to, text, { ...present(options), ...quoted }));
        }),
    }),
    route({
      method: "post",
      path: "/phones/{number}/media",
      summary: "Send a file, encrypted, through the media host",
      body: schema.SendMedia,
      answer: schema.SentView,
      run: ({ params, body: { to, kind, data, ...options } }) =>
        refused(async () =>
          sentView(await phone(params).sendMedia(to, kind, Buffer.from(data, "base64"), present(options))),
        ),
    }),
    route({
      method: "post",
      path: "/phones/{number}/react",
      summary: "React to a message",
      body: schema.React,
      answer: schema.SentView,
      run: async ({ params, body }) => sentView(await phone(params).react(message(params, body.message), body.emoji)),
    }),
    route({
      method: "post",
      path: "/phones/{number}/edit",
      summary: "Change the text of a message that the phone sent",
      body: schema.Edit,
      answer: schema.SentView,
      run: async ({ params, body }) => sentView(await phone(params).edit(sent(params, body.message), body.text)),
    }),
    route({
      method: "post",
      path: "/phones/{number}/revoke",
      summary: "Delete a message for everyone",
      body: schema.Revoke,
      answer: schema.SentView,
      run: async ({ params, body }) => {
        const own = phone(params).sent.get(body.message);
        return sentView(await phone(params).revoke(own ?? message(params, body.message)));
      },
    }),
    route({
      method: "post",
      path: "/phones/{number}/poll",
      summary: "Send a poll",
      body: schema.SendPoll,
      answer: schema.SentView,
      run: ({ params, body: { to, question, options, selectable, ...send } }) =>
        refused(async () =>
          sentView(await phone(params).surveys.poll(to, { question, options, selectable }, present(send))),
        ),
    }),
    route({
      method: "post",
      path: "/phones/{number}/event",
      summary: "Send an event",
      body: schema.SendEvent,
      answer: schema.SentView,
      run: ({ params, body: { to, id, addressing, ...event } }) =>
        refused(async () =>
          sentView(await phone(params).surveys.event(to, present(event), present({ id, addressing }))),
        ),
    }),
    route({
      method: "post",
      path: "/phones/{number}/vote",
      summary: "Vote on a poll, encrypted as WhatsApp's clients do it",
      body: schema.Vote,
      answer: schema.SentView,
      run: async ({ params, body }) => {
        const poll = survey(params, body.message, "poll");
        return sentView(await phone(params).surveys.vote(poll, body.options));
      },
    }),
    route({
      method: "post",
      path: "/phones/{number}/answer",
      summary: "Say whether the account comes to an event",
      body: schema.AnswerEvent,
      answer: schema.SentView,
      run: async ({ params, body: { message: id, answer, guests } }) => {
        const event = survey(params, id, "event");
        return sentView(await phone(params).surveys.answer(event, answer, { guests }));
      },
    }),
    route({
      method: "post",
      path: "/phones/{number}/typing",
      summary: "Type, record or stop doing so in a chat",
      body: schema.SetTyping,
      run: ({ params, body }) => phone(params).setTyping(body.to, body.state),
    }),
    route({
      method: "get",
      path: "/phones/{number}/typing",
      summary: "Who typed to the phone, oldest first",
      answer: z.array(schema.TypingView),
      run: ({ params }) => phone(params).typing,
    }),
    route({
      method: "post",
      path: "/phones/{number}/groups",
      summary: "Create a group",
      body: schema.NewGroup,
      answer: schema.GroupView,
      run: ({ params, body }) => refused(() => groupView(phone(params).createGroup(body.subject, body.members))),
    }),
    route({
      method: "get",
      path: "/phones/{number}/inbox",
      summary: "What the phone has received, oldest first",
      query: schema.InboxQuery,
      answer: schema.Inbox,
      run: ({ params, query: { after, limit } }) => {
        const messages = phone(params).inbox.messages.slice(after, after + limit);
        return { messages: messages.map(messageView), next: after + messages.length };
      },
    }),
    route({
      method: "get",
      path: "/phones/{number}/statuses",
      summary: "The status posts that the phone shows, oldest first; those that were deleted are gone",
      answer: z.array(schema.MessageView),
      run: ({ params }) => phone(params).statuses.map(messageView),
    }),
    route({
      method: "get",
      path: "/phones/{number}/inbox/{id}/media",
      summary: "A message's file, decrypted and checked",
      bytes: true,
      run: ({ params }) => phone(params).download(message(params)),
    }),
    route({
      method: "post",
      path: "/phones/{number}/read",
      summary: "Mark messages as read: their senders get receipts",
      body: schema.Read,
      run: ({ params, body }) => phone(params).markRead(...body.messages.map((id) => message(params, id))),
    }),
    route({
      method: "get",
      path: "/phones/{number}/wait",
      summary: "The first message that matches, as soon as there is one; 408 when there is none in time",
      query: schema.WaitQuery,
      answer: schema.MessageView,
      run: async ({ params, query: { timeoutMs, contains, ...wanted } }) => {
        const matches = (candidate: InboxMessage): boolean =>
          Object.entries(wanted).every(
            ([field, value]) => value === undefined || candidate[field as keyof typeof wanted] === value,
          ) &&
          (contains === undefined || (candidate.text?.includes(contains) ?? false));
        return messageView(await orTimeout(phone(params).waitFor(matches, { timeoutMs })));
      },
    }),
    route({
      method: "get",
      path: "/phones/{number}/sent/{id}",
      summary: "What became of a message that the phone sent; waits for a status when asked to",
      query: schema.SentQuery,
      answer: schema.SentView,
      run: async ({ params, query: { status, timeoutMs } }) => {
        const found = sent(params);
        return sentView(status ? await orTimeout(phone(params).waitForStatus(found, status, { timeoutMs })) : found);
      },
    }),
  ];
}
