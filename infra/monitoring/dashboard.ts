import { type MetricName, metricCatalog, metricNamespace } from "../../core/metric/name.ts";
import { eventQueue } from "../../core/queue/name.ts";
import { prefix } from "../base/stage.ts";
import { apiFunction } from "../service/api.ts";

const region = aws.getRegionOutput().region;

const graphs: [title: string, metrics: MetricName[]][] = [
  ["Instances", ["InstancesConnected", "InstancesPerHost"]],
  ["Hosts", ["HostsAlive", "ShardsUnheld", "HostsStarted", "LeasesTaken", "LeasesLost", "EventLoopDelay"]],
  ["Commands", ["CommandsDone", "CommandsFailed", "CommandsWaiting"]],
  ["Events and webhooks", ["EventsRelayed", "WebhooksSucceeded", "WebhooksFailed", "DeliveriesWaiting", "EventAge"]],
];

/** The main metrics: connected instances, waiting work and failures. */
export const dashboard = new aws.cloudwatch.Dashboard("Dashboard", {
  dashboardName: prefix,
  dashboardBody: $jsonStringify({
    widgets: [
      ...graphs.map(([title, names], index) => ({
        type: "metric",
        x: (index % 2) * 12,
        y: Math.floor(index / 2) * 6,
        width: 12,
        height: 6,
        properties: {
          title,
          region,
          period: 60,
          metrics: names.map((name) => [
            metricNamespace,
            name,
            "Stage",
            prefix,
            { stat: metricCatalog[name].kind === "counter" ? "Sum" : "Maximum" },
          ]),
        },
      })),
      {
        type: "metric",
        x: 0,
        y: 12,
        width: 12,
        height: 6,
        properties: {
          title: "API",
          region,
          period: 60,
          metrics: [
            ["AWS/Lambda", "Invocations", "FunctionName", apiFunction.name, { stat: "Sum" }],
            ["AWS/Lambda", "Errors", "FunctionName", apiFunction.name, { stat: "Sum" }],
            ["AWS/Lambda", "Duration", "FunctionName", apiFunction.name, { stat: "p99" }],
          ],
        },
      },
      {
        type: "metric",
        x: 12,
        y: 12,
        width: 12,
        height: 6,
        properties: {
          title: "Event queue",
          region,
          period: 60,
          metrics: [
            [
              "AWS/SQS",
              "ApproximateNumberOfMessagesVisible",
              "QueueName",
              `${prefix}-${eventQueue}`,
              { stat: "Maximum" },
            ],
            ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", `${prefix}-${eventQueue}`, { stat: "Maximum" }],
          ],
        },
      },
    ],
  }),
});
