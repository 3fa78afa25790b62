import { metricNamespace } from "../../core/metric/name.ts";
import { databaseSecret, databaseSecretVersion } from "../base/database.ts";
import { environment } from "../base/environment.ts";
import { key } from "../base/key.ts";
import { vpc } from "../base/network.ts";
import { listObjects, media, objects, receive, send, sendOut, upload, useKey } from "../base/permission.ts";
import { commands, events } from "../base/queues.ts";
import { prefix, production, sizes } from "../base/stage.ts";
import { migration } from "./migration.ts";

export const cluster = new sst.aws.Cluster("Cluster", {
  vpc: {
    id: vpc.id,
    securityGroups: vpc.securityGroups,
    containerSubnets: vpc.privateSubnets,
    loadBalancerSubnets: vpc.privateSubnets,
  },
  transform: {
    cluster: (args) => {
      args.settings = [{ name: "containerInsights", value: production ? "enabled" : "disabled" }];
    },
  },
});

/** The longest stop timeout that Fargate allows. A host needs less time to release its shards. */
const stopSeconds = 120;

export const host = new sst.aws.Service(
  "SessionHost",
  {
    cluster,
    architecture: "arm64",
    cpu: sizes.host.cpu,
    memory: sizes.host.memory,
    // For media, which the host buffers on disk instead of in memory.
    storage: "40 GB",
    image: { context: ".", dockerfile: "Dockerfile" },
    // A task reads the secret only at its start. This variable makes a new version of the secret start new tasks.
    environment: { ...environment, DATABASE_URL_VERSION: databaseSecretVersion.versionId },
    ssm: { DATABASE_URL: databaseSecret.arn },
    logging: { retention: sizes.logs },
    health: {
      command: ["CMD", "node", "session-host/health.ts"],
      startPeriod: "60 seconds",
      interval: "10 seconds",
      timeout: "5 seconds",
      // Tolerates an outage of the database of about a minute.
      retries: 10,
    },
    permissions: [
      receive(commands),
      send([events]),
      sendOut("reply"),
      objects(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], [media, upload]),
      listObjects,
      useKey,
    ],
    scaling: { min: sizes.host.min, max: sizes.host.max, cpuUtilization: false, memoryUtilization: false },
    wait: true,
    transform: {
      taskDefinition: (args) => {
        args.containerDefinitions = $jsonParse(args.containerDefinitions as $util.Output<string>).apply((containers) =>
          JSON.stringify(
            containers.map((container: object) => ({
              ...container,
              stopTimeout: stopSeconds,
              // The host's status server listens on loopback only.
              portMappings: [],
              pseudoTerminal: false,
              readonlyRootFilesystem: false,
            })),
          ),
        );
      },
      taskRole: (args) => {
        args.inlinePolicies = withoutShell(args.inlinePolicies as $util.Output<Policy[]>);
      },
      executionRole: (args) => {
        args.inlinePolicies = [
          {
            name: "secrets",
            policy: aws.iam.getPolicyDocumentOutput({
              statements: [
                { actions: ["secretsmanager:GetSecretValue"], resources: [databaseSecret.arn] },
                { actions: ["kms:Decrypt"], resources: [key.arn] },
              ],
            }).json,
          },
        ];
      },
      logGroup: (args) => {
        args.kmsKeyId = key.arn;
      },
      service: (args) => {
        // A new task starts before an old one stops, so the shards move from one host at a time.
        args.deploymentMinimumHealthyPercent = 100;
        args.deploymentMaximumPercent = 200;
        args.deploymentCircuitBreaker = { enable: true, rollback: true };
        args.enableExecuteCommand = false;
        args.propagateTags = "SERVICE";
      },
    },
  },
  { dependsOn: [migration] },
);

interface Policy {
  name: string;
  policy: string;
}

/** Removes the permissions for ECS Exec, which SST grants by default. Nobody needs a shell in the task. */
function withoutShell(policies: $util.Output<Policy[]>): $util.Output<Policy[]> {
  return $util.output(policies).apply((all) =>
    all.map(({ name, policy }) => {
      const document = JSON.parse(policy) as { Statement: { Action: string | string[] }[] };
      const Statement = document.Statement.filter(
        ({ Action }) => ![Action].flat().some((action) => action.startsWith("ssmmessages:")),
      );
      return { name, policy: JSON.stringify({ ...document, Statement }) };
    }),
  );
}

/** Keeps the number of instances per host near the target. The cron function reports the metric every minute. */
new aws.appautoscaling.Policy("InstancesPerHost", {
  policyType: "TargetTrackingScaling",
  resourceId: host.nodes.autoScalingTarget.resourceId,
  scalableDimension: host.nodes.autoScalingTarget.scalableDimension,
  serviceNamespace: host.nodes.autoScalingTarget.serviceNamespace,
  targetTrackingScalingPolicyConfiguration: {
    targetValue: sizes.instancesPerHost,
    scaleInCooldown: 900,
    scaleOutCooldown: 60,
    customizedMetricSpecification: {
      namespace: metricNamespace,
      metricName: "InstancesPerHost",
      dimensions: [{ name: "Stage", value: prefix }],
      statistic: "Maximum",
    },
  },
});
