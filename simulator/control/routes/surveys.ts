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
    run: async (request) => {
      const { to, question, options, selectable, ...send } = request.body;
      const poll = { question, options, selectable };
      return sentView(await phoneOf(request).surveys.poll(to, poll, present(send)));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/event",
    summary: "Send a calendar event",
    body: schema.SendEvent,
    answer: schema.SentView,
    run: async (request) => {
      const { to, id, addressing, ...event } = request.body;
      return sentView(await phoneOf(request).surveys.event(to, present(event), present({ id, addressing })));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/vote",
    summary: "Vote on a poll, encrypted as in WhatsApp's apps",
    body: schema.Vote,
    answer: schema.SentView,
    run: async (request) => {
      const { message, options } = request.body;
      return sentView(await phoneOf(request).surveys.vote(surveyOf(request, message, "poll"), options));
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/answer",
    summary: "Answer a calendar event",
    body: schema.AnswerEvent,
    answer: schema.SentView,
    run: async (request) => {
      const { message, answer, guests } = request.body;
      return sentView(await phoneOf(request).surveys.answer(surveyOf(request, message, "event"), answer, { guests }));
    },
  }),
];
