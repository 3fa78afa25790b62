import { type MetricName, metricNamespace } from "../../core/metric/name.ts";
import { deadLetterQueue } from "../../core/queue/name.ts";
import { key } from "../base/key.ts";
import { commands, events, ingress } from "../base/queues.ts";
import { prefix, sizes } from "../base/stage.ts";
import { apiFunction } from "../service/api.ts";
import { cronFunction, ingressFunction, webhookFunction } from "../service/workers.ts";

/** The SNS topic of all alarms. Subscribe an email address to it to get notifications. */
export const alarms = new aws.sns.Topic("Alarms", { kmsMasterKeyId: key.id });

type AlarmSettings = Pick<
  aws.cloudwatch.MetricAlarmArgs,
  "namespace" | "metricName" | "dimensions" | "threshold" | "statistic"
> & {
  /** What the alarm means. docs/operations/aws.md says what to do. */
  description: string;
  /** How long the metric must be beyond the threshold. */
  minutes: number;
  operator?: "GreaterThanThreshold" | "LessThanThreshold";
  /** Whether missing data raises the alarm. Default: no. */
  missingData?: "breaching" | "notBreaching";
};

function alarm(name: string, { description, minutes, operator, missingData, ...metric }: AlarmSettings) {
  return new aws.cloudwatch.MetricAlarm(name, {
    ...metric,
    alarmDescription: description,
    comparisonOperator: operator ?? "GreaterThanThreshold",
    period: 60,
    evaluationPeriods: minutes,
    treatMissingData: missingData ?? "notBreaching",
    alarmActions: [alarms.arn],
    okActions: [alarms.arn],
  });
}

const ownMetric = (metricName: MetricName) => ({
  namespace: metricNamespace,
  metricName,
  dimensions: { Stage: prefix },
});

for (const { name } of [...commands, events, ingress]) {
  const QueueName = `${prefix}-${deadLetterQueue(name)}`;
  alarm(`DeadLetters${name.replaceAll(/\W/g, "")}`, {
    description: `${QueueName} has messages that failed too often`,
    namespace: "AWS/SQS",
    metricName: "ApproximateNumberOfMessagesVisible",
    dimensions: { QueueName },
    statistic: "Maximum",
    threshold: 0,
    minutes: 1,
  });
}

alarm("EventAge", {
  description: "Events wait for the webhook function, which fails or can't keep up",
  namespace: "AWS/SQS",
  metricName: "ApproximateAgeOfOldestMessage",
  dimensions: { QueueName: `${prefix}-${events.name}` },
  statistic: "Maximum",
  threshold: 300,
  minutes: 5,
});

alarm("RelayAge", {
  description: "Events wait in the database: no host moves them to the event queue",
  ...ownMetric("EventAge"),
  statistic: "Maximum",
  threshold: 300,
  minutes: 5,
});

alarm("LeaseChurn", {
  description: "Hosts lose their leases repeatedly, because hosts die or the database responds too slowly",
  ...ownMetric("LeasesLost"),
  statistic: "Sum",
  threshold: sizes.shards,
  minutes: 5,
});

alarm("HostRestarts", {
  description: "Session hosts restart repeatedly",
  ...ownMetric("HostsStarted"),
  statistic: "Sum",
  threshold: 2,
  minutes: 5,
});

alarm("ShardsUnheld", {
  description: "No host serves some of the instances",
  ...ownMetric("ShardsUnheld"),
  statistic: "Minimum",
  threshold: 0,
  minutes: 3,
  missingData: "breaching",
});

alarm("ClientOutdated", {
  description: "WhatsApp refuses the client version, and no newer version is known",
  ...ownMetric("ClientOutdated"),
  statistic: "Sum",
  threshold: 0,
  minutes: 1,
});

alarm("ClientVersionStale", {
  description: "No look-up of the client version has succeeded for 48 hours",
  ...ownMetric("ClientVersionAge"),
  statistic: "Minimum",
  threshold: 48 * 3600,
  minutes: 15,
});

alarm("UnhandledErrors", {
  description: "Errors that no code handles close connections repeatedly",
  ...ownMetric("UnhandledErrors"),
  statistic: "Sum",
  threshold: 10,
  minutes: 5,
});

alarm("WebhookFailures", {
  description: "Many webhooks fail: an endpoint or the outbound network is down",
  ...ownMetric("WebhooksFailed"),
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
