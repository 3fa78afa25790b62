import { metricNamespace } from "../core/metric/name.ts";
import { databaseSecret, databaseSecretVersion } from "./database.ts";
import { environment } from "./environment.ts";
import { key } from "./key.ts";
import { migration } from "./migration.ts";
import { vpc } from "./network.ts";
import { listObjects, media, objects, receive, send, sendOut, upload, useKey } from "./permission.ts";
import { commands, events } from "./queue/index.ts";
import { prefix, production, sizes } from "./stage.ts";

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

/** Longer than a hand-over takes, and the most that Fargate allows. */
const stopSeconds = 120;

export const host = new sst.aws.Service(
  "SessionHost",
  {
    cluster,
    architecture: "arm64",
    cpu: sizes.host.cpu,
    memory: sizes.host.memory,
    // Files pass over the disk, and memory does not grow with them.
    storage: "40 GB",
    image: { context: ".", dockerfile: "Dockerfile" },
    // A host reads the secret when it starts: another version is another task.
    environment: { ...environment, DATABASE_URL_VERSION: databaseSecretVersion.versionId },
    ssm: { DATABASE_URL: databaseSecret.arn },
    logging: { retention: sizes.logs },
    health: {
      command: ["CMD", "node", "session-host/health.ts"],
      startPeriod: "60 seconds",
      interval: "10 seconds",
      timeout: "5 seconds",
      // A database that is away for a minute is no reason to begin anew.
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
              // What listens, listens to itself.
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
        // A new task serves before an old one goes; the leases go over one host at a time.
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

/** SST lets whoever may use ECS Exec open a shell in the task. Nobody does here. */
function withoutShell(policies: $util.Output<Policy[]>): $util.Output<Policy[]> {
  return $util.output(policies).apply((all) =>
    all.map(({ name, policy }) => {
      const document = JSON.parse(policy) as { Statement: { Action: string | string[] }[] };
      const Statement = document.Statement.filter(
        ({ Action }) => ![Action].flat().some((one) => one.startsWith("ssmmessages:")),
      );
      return { name, policy: JSON.stringify({ ...document, Statement }) };
    }),
  );
}

/** More hosts when each has more instances than it should; `cron` says each minute how many that are. */
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
