import { type MetricName, metricNamespace } from "../../core/metric/name.ts";
import { deadLetterQueue } from "../../core/queue/name.ts";
import { apiFunction } from "../api.ts";
import { key } from "../key.ts";
import { commands, events, ingress } from "../queue/index.ts";
import { prefix, sizes } from "../stage.ts";
import { cronFunction, ingressFunction, webhookFunction } from "../workers.ts";

/** Subscribe an address to it to be told. */
export const alarms = new aws.sns.Topic("Alarms", { kmsMasterKeyId: key.id });

type Watch = Pick<
  aws.cloudwatch.MetricAlarmArgs,
  "namespace" | "metricName" | "dimensions" | "threshold" | "statistic"
> & {
  /** What it means; docs/operations/aws.md says what to do. */
  description: string;
  /** For so many minutes. */
  minutes: number;
  operator?: "GreaterThanThreshold" | "LessThanThreshold";
  /** Silence is a bad sign too. */
  missing?: "breaching" | "notBreaching";
};

function alarm(name: string, { description, minutes, operator, missing, ...watch }: Watch) {
  return new aws.cloudwatch.MetricAlarm(name, {
    ...watch,
    alarmDescription: description,
    comparisonOperator: operator ?? "GreaterThanThreshold",
    period: 60,
    evaluationPeriods: minutes,
    treatMissingData: missing ?? "notBreaching",
    alarmActions: [alarms.arn],
    okActions: [alarms.arn],
  });
}

const ours = (metricName: MetricName) => ({ namespace: metricNamespace, metricName, dimensions: { Stage: prefix } });

for (const { name } of [...commands, events, ingress]) {
  const QueueName = `${prefix}-${deadLetterQueue(name)}`;
  alarm(`DeadLetters${name.replaceAll(/\W/g, "")}`, {
    description: `${QueueName} holds what could not be handled five times`,
    namespace: "AWS/SQS",
    metricName: "ApproximateNumberOfMessagesVisible",
    dimensions: { QueueName },
    statistic: "Maximum",
    threshold: 0,
    minutes: 1,
  });
}

alarm("EventAge", {
  description: "Events wait for the webhook function: it fails, or has too few runs",
  namespace: "AWS/SQS",
  metricName: "ApproximateAgeOfOldestMessage",
  dimensions: { QueueName: `${prefix}-${events.name}` },
  statistic: "Maximum",
  threshold: 300,
  minutes: 5,
});

alarm("RelayAge", {
  description: "Events wait in the database: no host brings them to their queue",
  ...ours("EventAge"),
  statistic: "Maximum",
  threshold: 300,
  minutes: 5,
});

alarm("LeaseChurn", {
  description: "Leases are lost again and again: hosts die, or the database does not answer them in time",
  ...ours("LeasesLost"),
  statistic: "Sum",
  threshold: sizes.shards,
  minutes: 5,
});

alarm("HostRestarts", {
  description: "Session hosts start again and again",
  ...ours("HostsStarted"),
  statistic: "Sum",
  threshold: 2,
  minutes: 5,
});

alarm("ShardsUnheld", {
  description: "Instances are served by nobody",
  ...ours("ShardsUnheld"),
  statistic: "Minimum",
  threshold: 0,
  minutes: 3,
  missing: "breaching",
});

alarm("ClientOutdated", {
  description: "WhatsApp refuses the client version, and no other one is known",
  ...ours("ClientOutdated"),
  statistic: "Sum",
  threshold: 0,
  minutes: 1,
});

alarm("WebhookFailures", {
  description: "Many webhooks fail: a customer's endpoint is away, or the way out of the network is",
  ...ours("WebhooksFailed"),
  statistic: "Sum",
  threshold: 500,
  minutes: 5,
});

for (const [name, fn] of Object.entries({
  Api: apiFunction,
  Webhook: webhookFunction,
  Ingress: ingressFunction,
  Cron: cronFunction,
})) {
  alarm(`${name}Errors`, {
    description: `The function ${name} fails`,
    namespace: "AWS/Lambda",
    metricName: "Errors",
    dimensions: { FunctionName: fn.name },
    statistic: "Sum",
    threshold: 0,
    minutes: 3,
  });
}
