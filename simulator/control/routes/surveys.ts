import { phoneOf, surveyOf } from "../base/lookup.ts";
import { present } from "../base/present.ts";
import { type Route, route } from "../base/route.ts";
import * as schema from "../base/schema.ts";
import { sentView } from "../base/view.ts";

/** Polls and calendar events. */
export const surveyRoutes: Route[] = [
  route({
    method: "post",
    path: "/phones/{number}/poll",
    summary: "Send a poll",
    body: schema.SendPoll,
    answer: schema.SentView,
    run: async (asked) => {
      const { to, question, options, selectable, ...send } = asked.body;
      const poll = { question, options, selectable };
      return sentView(await phoneOf(asked).surveys.poll(to, poll, present(send)));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/event",
    summary: "Send a calendar event",
    body: schema.SendEvent,
    answer: schema.SentView,
    run: async (asked) => {
      const { to, id, addressing, ...event } = asked.body;
      return sentView(await phoneOf(asked).surveys.event(to, present(event), present({ id, addressing })));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/vote",
    summary: "Vote on a poll, encrypted as by WhatsApp's clients",
    body: schema.Vote,
    answer: schema.SentView,
    run: async (asked) => {
      const { message, options } = asked.body;
      return sentView(await phoneOf(asked).surveys.vote(surveyOf(asked, message, "poll"), options));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/answer",
    summary: "Answer a calendar event",
    body: schema.AnswerEvent,
    answer: schema.SentView,
    run: async (asked) => {
      const { message, answer, guests } = asked.body;
      return sentView(await phoneOf(asked).surveys.answer(surveyOf(asked, message, "event"), answer, { guests }));
    },
  }),
];
