import * as z from "zod";
import { type CommandName, commandCatalog } from "../../../core/command/catalog/index.ts";
import { type EventType, eventCatalog } from "../../../core/event/catalog/index.ts";
import { publicData, publicEvent } from "../../../core/event-sink/envelope.ts";
import { ingressMessage, ingressReply } from "../../../core/ingress/message.ts";
import { ingressQueue } from "../../../core/queue/name.ts";
import { version } from "../../../core/version.ts";
import { schema } from "./openapi.ts";

type Json = Record<string, unknown>;

const commands = Object.values(commandCatalog);
const events = Object.values(eventCatalog);

/** The message that asks for one command, with the input that it takes. */
function asking(name: CommandName): z.ZodType {
  const input: z.ZodType = commandCatalog[name].input;
  return ingressMessage.extend({
    command: z.literal(name),
    input: input.safeParse({}).success ? input.optional() : input,
  });
}

type Reply = (typeof ingressReply.options)[number];

const replyOf = (status: string): Reply => {
  const found = ingressReply.options.find((one) => one.shape.status.value === status);
  if (!found) throw new Error(`there is no reply ${status}`);
  return found;
};

/** The reply that tells how one command went, with its output; null where that is too large for a queue. */
const done = (name: CommandName): z.ZodType =>
  replyOf("done").extend({ command: z.literal(name), output: (commandCatalog[name].output as z.ZodType).nullable() });

/**
 * The JSON Schemas (draft 2020-12) of all that travels on the queues of others, by the path of their file: what a command takes
 * and gives, the data of an event, and the messages around them. `v1` in their ids is the `v` of the messages.
 */
export function queueSchemas(): Record<string, Json> {
  const named: [path: string, title: string, type: z.ZodType, io: "input" | "output"][] = [
    ["ingress-message", "A command on the ingress queue", ingressMessage, "input"],
    ["ingress-reply", "What became of it, on the reply queue", ingressReply, "output"],
    ["event", "An event on an event queue", z.discriminatedUnion("type", eventUnion()), "output"],
    ...commands.flatMap(({ name, summary, input, output }): typeof named => [
      [`commands/${name}.input`, summary, input, "input"],
      [`commands/${name}.output`, summary, output, "output"],
    ]),
    ...events.map(({ type, summary }): (typeof named)[number] => [
      `events/${type}`,
      summary,
      publicData(type),
      "output",
    ]),
  ];
  return Object.fromEntries(
    named.map(([path, title, type, io]) => [
      `${path}.json`,
      {
        $schema: "https://json-schema.org/draft/2020-12/schema",
        $id: `urn:switchboard:v1:${path.replaceAll("/", ":")}`,
        title,
        ...schema(type, io),
      },
    ]),
  );
}

type EventOption = ReturnType<typeof publicEvent>;
const eventUnion = () => events.map(({ type }) => publicEvent(type)) as unknown as [EventOption, ...EventOption[]];

/** The AsyncAPI 3.0 document of the queues that others write to and read, derived from what is declared. */
export function asyncApi(): Json {
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Switchboard over SQS",
      version,
      description:
        "Commands in, replies and events out: messages of SQS FIFO queues, each a JSON text. New fields and new types of events may come; leave out what you do not know. A repeat of a message has the same id.",
      license: { name: "MIT" },
    },
    defaultContentType: "application/json",
    servers: {
      aws: {
        host: "sqs.{region}.amazonaws.com",
        protocol: "sqs",
        variables: { region: { default: "us-east-1", description: "Of the deployment" } },
      },
    },
    channels: {
      ingress: {
        title: "Command ingress",
        address: `{queuePrefix}-${ingressQueue}`,
        description:
          "Any command. Commands of one message group are taken in their order; use the instance's id. What is refused is told on the reply queue.",
        parameters: { queuePrefix: { default: "switchboard", description: "QUEUE_PREFIX of the deployment" } },
        messages: references(commands.map(({ name }) => name)),
      },
      replies: {
        title: "Replies",
        address: null,
        description: "The FIFO queue that a command names as replyTo, if the deployment allows it (REPLY_QUEUES).",
        messages: references(["accepted", ...commands.map(({ name }) => `${name}.done`), "failed", "rejected"]),
      },
      events: {
        title: "Events",
        address: null,
        description:
          "The FIFO queue that an instance or its user names as eventQueue. Its message group is the instance: events come in the order of their seq.",
        messages: references(events.map(({ type }) => eventKey(type))),
      },
    },
    operations: Object.fromEntries([
      ...commands.map(({ name, summary, kind }) => [
        name,
        {
          action: "receive",
          title: name,
          summary,
          tags: [{ name: kind }],
          channel: { $ref: "#/channels/ingress" },
          messages: [{ $ref: `#/channels/ingress/messages/${name}` }],
          reply: {
            address: { location: "$message.payload#/replyTo" },
            channel: { $ref: "#/channels/replies" },
            messages: ["accepted", `${name}.done`, "failed", "rejected"].map((message) => ({
              $ref: `#/channels/replies/messages/${message}`,
            })),
          },
        },
      ]),
      ["events", { action: "send", title: "events", summary: "What happened", channel: { $ref: "#/channels/events" } }],
    ]),
    components: {
      messages: Object.fromEntries([
        ...commands.map(({ name, summary }) => message(name, summary, asking(name), "input", "id")),
        message("accepted", "It will be done, or will have failed", replyOf("accepted")),
        ...commands.map(({ name }) => message(`${name}.done`, `Done: ${name}`, done(name))),
        message("failed", "It was accepted, and could not be done", replyOf("failed")),
        message("rejected", "Nothing was done", replyOf("rejected")),
        ...events.map(({ type, summary }) => {
          const [, declared] = message(type, summary, publicEvent(type));
          return [eventKey(type), declared];
        }),
      ]),
    },
  };
}

/** Some are named as a command: `group.leave`. */
const eventKey = (type: EventType) => `event.${type}`;

const references = (names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }]));

/** AsyncAPI 3.0 writes its schemas as draft 7 of JSON Schema. */
function message(
  name: string,
  summary: string,
  payload: z.ZodType,
  io: "input" | "output" = "output",
  correlation = "correlationId",
): [string, Json] {
  const correlationId = { location: `$message.payload#/${correlation}` };
  return [name, { name, title: name, summary, correlationId, payload: schema(payload, io, "draft-7") }];
}
