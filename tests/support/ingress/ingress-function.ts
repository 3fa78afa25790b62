import { randomUUID } from "node:crypto";
import type { SQSBatchResponse, SQSRecord } from "aws-lambda";
import type { IngressDeps } from "../../../core/ingress/take.ts";
import { createLogger } from "../../../core/log.ts";
import { openForeignQueues } from "../../../core/queue/foreign.ts";
import { openQueues, type Queues } from "../../../core/queue/index.ts";
import { defaultQuotas } from "../../../core/quota/limits.ts";
import { openDependencies } from "../../../functions/dependencies.ts";
import { createIngressHandler } from "../../../functions/ingress/handler.ts";
import { lambdaContext } from "../../../local/lambda/context.ts";
import type { TestGateway } from "../gateway/test-gateway.ts";

/** The ingress function, called as by Lambda, with the dependencies of a gateway. */
export interface IngressFunction {
  deps: IngressDeps & { queues: Queues };
  /** The lines that the function logged. */
  lines: readonly string[];
  /** Invokes the function, with the given dependencies in place of its own. */
  invoke(records: SQSRecord[], given?: Partial<IngressDeps>): Promise<SQSBatchResponse>;
  close(): Promise<void>;
}

export async function ingressFunction(gate: TestGateway): Promise<IngressFunction> {
  const { config, env } = gate.gateway;
  const dependencies = await openDependencies("ingress", env);
  const queues = openQueues(config);
  const lines: string[] = [];
  const log = createLogger("ingress", "info");
  const stream = Object.getOwnPropertySymbols(log).find((one) => one.description === "pino.stream");
  Object.defineProperty(log, stream as symbol, { value: { write: (line: string) => lines.push(line) } });
  const deps = {
    ...dependencies,
    log,
    config,
    queues,
    foreignQueues: openForeignQueues(queues.client),
    shards: config.SHARDS,
    quotas: defaultQuotas(config),
  };
  return {
    deps,
    lines,
    invoke: (Records, given) =>
      createIngressHandler(async () => ({ ...deps, ...given, queues: { ...queues, ...given?.queues } }))(
        { Records },
        lambdaContext("ingress", 30_000),
      ),
    async close() {
      queues.client.destroy();
      await dependencies.close();
    },
  };
}

/** Makes an SQS record as Lambda passes it. Its sender is not allowed unless `attributes` says otherwise. */
export const record = (body: unknown, attributes: Partial<SQSRecord["attributes"]> = {}): SQSRecord => ({
  messageId: randomUUID(),
  receiptHandle: "handle",
  body: typeof body === "string" ? body : JSON.stringify(body),
  attributes: {
    ApproximateReceiveCount: "1",
    SentTimestamp: String(Date.now()),
    SenderId: "AIDASOMEBODYELSE",
    ApproximateFirstReceiveTimestamp: String(Date.now()),
    MessageGroupId: "group",
    ...attributes,
  },
  messageAttributes: {},
  md5OfBody: "",
  eventSource: "aws:sqs",
  eventSourceARN: "arn:aws:sqs:us-east-1:000000000000:switchboard-command-ingress.fifo",
  awsRegion: "us-east-1",
});
