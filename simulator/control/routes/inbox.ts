import { z } from "zod";
import type { InboxMessage } from "../../phone/mailbox/inbox.ts";
import { messageOf, phoneOf } from "../base/lookup.ts";
import { withStatus } from "../base/problem.ts";
import { type Route, route } from "../base/route.ts";
import * as schema from "../base/schema.ts";
import { messageView } from "../base/view.ts";

/** Messages that a phone receives. */
export const inboxRoutes: Route[] = [
  route({
    method: "get",
    path: "/phones/{number}/inbox",
    summary: "List received messages, oldest first",
    query: schema.InboxQuery,
    answer: schema.Inbox,
    run: (request) => {
      const { after, limit } = request.query;
      const messages = phoneOf(request).inbox.messages.slice(after, after + limit);
      return { messages: messages.map(messageView), next: after + messages.length };
    },
  }),
  route({
    method: "get",
    path: "/phones/{number}/statuses",
    summary: "List the status posts that the phone shows, oldest first, without deleted ones",
    answer: z.array(schema.MessageView),
    run: (request) => phoneOf(request).statuses.map(messageView),
  }),
  route({
    method: "get",
    path: "/phones/{number}/inbox/{id}/media",
    summary: "Get the file of a message, decrypted and checked",
    bytes: true,
    run: (request) => phoneOf(request).download(messageOf(request)),
  }),
  route({
    method: "post",
    path: "/phones/{number}/read",
    summary: "Mark messages as read, and send read receipts",
    body: schema.Read,
    run: (request) => phoneOf(request).markRead(...request.body.messages.map((id) => messageOf(request, id))),
  }),
  route({
    method: "post",
    path: "/phones/{number}/receipt",
    summary: "Send any receipt, as a hostile client could, also for a message that the phone never received",
    body: schema.FreeReceipt,
    run: (request) => phoneOf(request).sendReceipt(request.body),
  }),
  route({
    method: "get",
    path: "/phones/{number}/wait",
    summary: "Get the first message that matches, now or later. Returns 408 after the timeout.",
    query: schema.WaitQuery,
    answer: schema.MessageView,
    run: async (request) => {
      const { timeoutMs, ...wanted } = request.query;
      const matches = (message: InboxMessage) => isWanted(message, wanted);
      return messageView(await withStatus(408, () => phoneOf(request).waitFor(matches, { timeoutMs })));
    },
  }),
];

type Wanted = Omit<z.output<typeof schema.WaitQuery>, "timeoutMs">;

function isWanted(message: InboxMessage, { contains, ...wanted }: Wanted): boolean {
  const equal = Object.entries(wanted).every(
    ([field, value]) => value === undefined || message[field as keyof typeof wanted] === value,
  );
  return equal && (contains === undefined || (message.text?.includes(contains) ?? false));
}
