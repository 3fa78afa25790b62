import * as z from "zod";
import { type CommandName, commandCatalog } from "../../../core/command/catalog/index.ts";
import { type EventType, eventCatalog } from "../../../core/event/catalog/index.ts";
import { publicData, publicEvent } from "../../../core/event-sink/envelope.ts";
import { ingressMessage, ingressReply } from "../../../core/ingress/message.ts";
import { ingressQueue } from "../../../core/queue/name.ts";
import { version } from "../../../core/version.ts";
import { streamQueries } from "../shape/live-event.ts";
import { streamChannels, streamMessages, streamOperations, streamServer } from "./asyncapi-streams.ts";
import { schema, withSharedSchemas } from "./openapi.ts";

type Json = Record<string, unknown>;

const commands = Object.values(commandCatalog);
const events = Object.values(eventCatalog);

/** Returns the schema of the ingress message for a command. */
function commandMessage(name: CommandName): z.ZodType {
  const input: z.ZodType = commandCatalog[name].input;
  return ingressMessage.extend({
    command: z.literal(name),
    input: input.safeParse({}).success ? input.optional() : input,
  });
}

type Reply = (typeof ingressReply.options)[number];

const replyOf = (status: string): Reply => {
  const found = ingressReply.options.find(({ shape }) => shape.status.value === status);
  if (!found) throw new Error(`no reply has the status ${status}`);
  return found;
};

/** Returns the schema of the reply with the output of a command. The output is null if it is too large for a queue message. */
const doneReply = (name: CommandName): z.ZodType =>
  replyOf("done").extend({ command: z.literal(name), output: (commandCatalog[name].output as z.ZodType).nullable() });

/**
 * Returns the JSON Schemas (draft 2020-12) of everything on integrators' queues, by file path: inputs and outputs of
 * commands, data of events, and the messages around them. `v1` in the ids is the `v` of the messages.
 */
export function queueSchemas(): Record<string, Json> {
  const files: [path: string, title: string, type: z.ZodType, io: "input" | "output"][] = [
    ["ingress-message", "A command on the ingress queue", ingressMessage, "input"],
    ["ingress-reply", "A reply on the reply queue", ingressReply, "output"],
    ["event", "An event on an event queue", z.discriminatedUnion("type", eventUnion()), "output"],
    ...commands.flatMap(({ name, summary, input, output }): typeof files => [
      [`commands/${name}.input`, summary, input, "input"],
      [`commands/${name}.output`, summary, output, "output"],
    ]),
    ...events.map(({ type, summary }): (typeof files)[number] => [
      `events/${type}`,
      summary,
      publicData(type),
      "output",
    ]),
  ];
  return Object.fromEntries(
    files.map(([path, title, type, io]) => [
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

/** Returns the AsyncAPI 3.0 document of the queues that integrators write to and read from. */
export function asyncApi(): Json {
  return withSharedSchemas({
    asyncapi: "3.0.0",
    info: {
      title: "Switchboard over SQS and Server-Sent Events",
      version,
      description:
        "Commands in, replies and events out, over SQS FIFO queues, and events over HTTP streams. Each message is a JSON document. New fields and new event types can be added at any time: ignore the ones that you do not know. A repeated message has the same id.",
      license: { name: "MIT" },
    },
    defaultContentType: "application/json",
    servers: {
      aws: {
        host: "sqs.{region}.amazonaws.com",
        protocol: "sqs",
        variables: { region: { default: "us-east-1", description: "AWS Region of the deployment" } },
      },
      api: streamServer,
    },
    channels: { ...channels(), ...streamChannels },
    operations: { ...operations(), ...streamOperations(streamQueries) },
    components: { messages: messages() },
  });
}

const channels = (): Json => ({
  ingress: {
    title: "Command ingress",
    address: `{queuePrefix}-${ingressQueue}`,
    servers: [{ $ref: "#/servers/aws" }],
    description:
      "Accepts every command. Commands of one message group run in order: use the id of the instance as the message group. Rejected commands get a reply on the reply queue.",
    parameters: { queuePrefix: { default: "switchboard", description: "QUEUE_PREFIX of the deployment" } },
    messages: references(commands.map(({ name }) => name)),
  },
  replies: {
    title: "Replies",
    address: null,
    servers: [{ $ref: "#/servers/aws" }],
    description: "The FIFO queue that a command names in replyTo. The deployment must allow it in REPLY_QUEUES.",
    messages: references(["accepted", ...commands.map(({ name }) => `${name}.done`), "failed", "rejected"]),
  },
  events: {
    title: "Events",
    address: null,
    servers: [{ $ref: "#/servers/aws" }],
    description:
      "The FIFO queue that an instance or its user names in eventQueue. The message group is the instance, so events arrive in the order of their seq.",
    messages: references(events.map(({ type }) => eventKey(type))),
  },
});

const operations = (): Json =>
  Object.fromEntries([
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
    [
      "events",
      {
        action: "send",
        title: "events",
        summary: "Receive the events of instances",
        channel: { $ref: "#/channels/events" },
      },
    ],
  ]);

const messages = (): Json =>
  Object.fromEntries([
    ...commands.map(({ name, summary }) => message(name, summary, commandMessage(name), "input", "id")),
    message("accepted", "The command was accepted; a done or failed reply follows", replyOf("accepted")),
    ...commands.map(({ name }) => message(`${name}.done`, `The result of ${name}`, doneReply(name))),
    message("failed", "The accepted command failed", replyOf("failed")),
    message("rejected", "The command was rejected; nothing was done", replyOf("rejected")),
    ...events.map(({ type, summary }) => {
      const [, declared] = message(type, summary, publicEvent(type));
      return [eventKey(type), declared];
    }),
    ...streamMessages(),
  ]);

/** The prefix keeps events and commands of the same name apart (`group.leave`). */
const eventKey = (type: EventType) => `event.${type}`;

const references = (names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }]));

/**
 * Returns the name and the declaration of a message. Its payload uses JSON Schema draft 7, which AsyncAPI 3.0 schemas extend.
 */
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
