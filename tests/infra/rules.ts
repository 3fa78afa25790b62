import type { Evaluation } from "./evaluate.ts";
import type { Declared } from "./mocks.ts";

/** What must hold of the infrastructure. Each rule answers what breaks it, in words; nothing when it holds. */
type Rule = (of: Finder, evaluation: Evaluation) => string[];
type Finder = (type: string) => Declared[];

export function violations(evaluation: Evaluation): string[] {
  const of: Finder = (type) => evaluation.resources.filter((one) => one.type === type);
  return [...evaluation.problems, ...rules.flatMap((rule) => rule(of, evaluation))];
}

const queueType = "aws:sqs/queue:Queue";
const functionType = "aws:lambda/function:Function";

const rules: Rule[] = [
  function queuesKeepWhatFails(of) {
    const names = new Set(of(queueType).map(({ inputs }) => inputs.name));
    return of(queueType).flatMap(({ inputs }) => {
      const { name, redrivePolicy } = inputs;
      const encrypted = inputs.kmsMasterKeyId ? [] : [`${name} is not encrypted`];
      const kept = inputs.messageRetentionSeconds === 1_209_600 ? [] : [`${name} forgets before 14 days`];
      const fifo = inputs.fifoQueue && name.endsWith(".fifo") ? [] : [`${name} keeps no order`];
      if (name.endsWith("-dead.fifo")) return [...encrypted, ...kept, ...fifo];
      const redrive = redrivePolicy ? JSON.parse(redrivePolicy) : {};
      const dead = String(redrive.deadLetterTargetArn).split(":").at(-1);
      const leads = names.has(dead) && redrive.maxReceiveCount === 5 ? [] : [`${name} has no dead-letter queue`];
      return [...encrypted, ...kept, ...fifo, ...leads];
    });
  },

  function aQueueHidesLongerThanItsFunctionRuns(of) {
    const mappings = of("aws:lambda/eventSourceMapping:EventSourceMapping");
    return mappings.flatMap(({ name, inputs }) => {
      const queue = of(queueType).find((one) => String(inputs.eventSourceArn).endsWith(`:${one.inputs.name}`))?.inputs;
      const fn = of(functionType).find((one) => String(inputs.functionName).endsWith(`:${one.inputs.name}`))?.inputs;
      if (!queue || !fn) return [`${name} starts nothing that is known`];
      const hides = queue.visibilityTimeoutSeconds;
      return [
        ...(hides >= 6 * fn.timeout
          ? []
          : [`${queue.name} hides for ${hides} s, its function runs for ${fn.timeout} s`]),
        ...(inputs.functionResponseTypes?.includes("ReportBatchItemFailures") ? [] : [`${name} repeats whole batches`]),
        ...(inputs.batchSize <= 10 ? [] : [`${name} takes more than a FIFO queue gives`]),
      ];
    });
  },

  function rolesNameWhatTheyMayDo(of) {
    return of("aws:iam/role:Role")
      .filter(({ name }) => !name.startsWith("Network"))
      .flatMap(({ name, inputs }) => {
        const trusted = JSON.stringify(inputs.assumeRolePolicy);
        const statements: Statement[] = (inputs.inlinePolicies ?? []).flatMap(
          (one: { policy: string }) => JSON.parse(one.policy).Statement,
        );
        return [
          ...(/:root|"AWS"/.test(trusted) ? [`${name} trusts an account`] : []),
          ...statements.flatMap(({ Action, Resource }) => [
            ...[Action]
              .flat()
              .filter((one) => one.includes("*"))
              .map((one) => `${name} may do ${one}`),
            ...[Resource]
              .flat()
              .filter((one) => one === "*")
              .map(() => `${name} may ${Action} everywhere`),
          ]),
        ];
      });
  },

  function functionsRunWhereTheyShould(of) {
    const privateSubnets = of("aws:ec2/subnet:Subnet")
      .filter(({ name }) => name.includes("Private"))
      .map(({ name }) => `${name}-id`);
    return of(functionType).flatMap(({ name, inputs }) => [
      ...(inputs.architectures?.[0] === "arm64" && inputs.runtime === "nodejs24.x" ? [] : [`${name} runs elsewhere`]),
      ...(inputs.vpcConfig?.subnetIds?.length > 0 &&
      inputs.vpcConfig.subnetIds.every((id: string) => privateSubnets.includes(id))
        ? []
        : [`${name} is not in the private subnets`]),
      ...(inputs.kmsKeyArn ? [] : [`${name} keeps its environment under a key of AWS`]),
    ]);
  },

  function theApiAnswersBeforeTheGatewayGivesUp(of) {
    const api = of(functionType).find(({ name }) => name.startsWith("ApiFunction"))?.inputs;
    const integration = of("aws:apigatewayv2/integration:Integration")[0]?.inputs;
    const route = of("aws:apigatewayv2/route:Route")[0]?.inputs;
    return [
      ...(api?.timeout < 30 && api?.timeout > 25
        ? []
        : [`the API runs for ${api?.timeout} s, and API Gateway waits for 30`]),
      ...(integration?.payloadFormatVersion === "2.0" ? [] : ["the API gets events of another version than 2.0"]),
      ...(route?.routeKey === "$default" ? [] : ["the API does not get every path"]),
    ];
  },

  function filesAreForUsAlone(of) {
    const [block] = of("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock");
    const [encryption] = of("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration");
    const [lifecycle] = of("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration");
    const [policy] = of("aws:s3/bucketPolicy:BucketPolicy");
    const { blockPublicAcls, blockPublicPolicy, ignorePublicAcls, restrictPublicBuckets } = block?.inputs ?? {};
    const rule = encryption?.inputs.rules[0].applyServerSideEncryptionByDefault;
    return [
      ...(blockPublicAcls && blockPublicPolicy && ignorePublicAcls && restrictPublicBuckets
        ? []
        : ["the bucket may be made public"]),
      ...(rule?.sseAlgorithm === "aws:kms" && rule.kmsMasterKeyId ? [] : ["the bucket is not encrypted with our key"]),
      ...(lifecycle?.inputs.rules.some((one: { filter?: { prefix?: string } }) => one.filter?.prefix === "upload/")
        ? []
        : ["uploads stay for ever"]),
      ...(JSON.stringify(policy?.inputs.policy ?? "").includes("aws:SecureTransport")
        ? []
        : ["the bucket answers without TLS"]),
    ];
  },

  function theDatabaseIsEncryptedAndInside(of) {
    const cluster = of("aws:rds/cluster:Cluster")[0]?.inputs;
    const production = JSON.stringify(cluster ?? {}).includes("-production-");
    const subnets = of("aws:rds/subnetGroup:SubnetGroup")[0]?.inputs.subnetIds ?? [];
    return [
      ...(cluster?.storageEncrypted && cluster.kmsKeyId ? [] : ["the database is not encrypted with our key"]),
      ...(subnets.length > 1 && subnets.every((id: string) => id.includes("Private"))
        ? []
        : ["the database is not in the private subnets"]),
      ...(!production || (cluster?.deletionProtection && cluster.backupRetentionPeriod >= 14)
        ? []
        : ["the database can be lost"]),
      ...of("aws:rds/clusterInstance:ClusterInstance")
        .filter(({ inputs }) => inputs.publiclyAccessible)
        .map(() => "the database is public"),
      ...of("aws:kms/key:Key")
        .filter(({ inputs }) => !inputs.enableKeyRotation)
        .map(() => "the key is never rotated"),
    ];
  },

  function nobodyComesInFromOutside(of) {
    const groups = [
      ...of("aws:ec2/securityGroup:SecurityGroup"),
      ...of("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"),
    ];
    return groups
      .filter(({ inputs }) => JSON.stringify(inputs.ingress ?? []).includes("0.0.0.0/0"))
      .map(({ name }) => `${name} lets in everybody`);
  },

  function hostsHandOverBeforeTheyGo(of) {
    const task = of("aws:ecs/taskDefinition:TaskDefinition")[0]?.inputs;
    const service = of("aws:ecs/service:Service")[0]?.inputs;
    const [container] = JSON.parse(task?.containerDefinitions ?? "[{}]");
    const network = service?.networkConfiguration;
    return [
      ...(container.stopTimeout === 120 ? [] : ["a host is killed before it has handed over"]),
      ...(container.healthCheck ? [] : ["nobody looks whether a host is well"]),
      ...(container.secrets?.some((one: { name: string }) => one.name === "DATABASE_URL") &&
      !container.environment.some((one: { name: string }) => one.name === "DATABASE_URL")
        ? []
        : ["the task definition shows the database's password"]),
      ...(container.linuxParameters?.initProcessEnabled ? [] : ["a host has no init process"]),
      ...(task?.runtimePlatform.cpuArchitecture === "ARM64" ? [] : ["hosts run elsewhere"]),
      ...(service?.deploymentMinimumHealthyPercent === 100 && service.deploymentMaximumPercent === 200
        ? []
        : ["a deploy stops hosts before their successors run"]),
      ...(service?.deploymentCircuitBreaker?.rollback ? [] : ["a bad deploy stays"]),
      ...(network?.subnets.every((id: string) => id.includes("Private")) && !network.assignPublicIp
        ? []
        : ["hosts stand outside"]),
    ];
  },

  function hostsFollowTheirInstances(of) {
    const policy = of("aws:appautoscaling/policy:Policy").map(
      ({ inputs }) => inputs.targetTrackingScalingPolicyConfiguration,
    );
    const own = policy.filter((one) => one?.customizedMetricSpecification?.metricName === "InstancesPerHost");
    return own.length === 1 && policy.length === 1 ? [] : ["hosts are not scaled by instances alone"];
  },

  function whatGoesWrongIsTold(of) {
    const alarms = of("aws:cloudwatch/metricAlarm:MetricAlarm").map(({ inputs }) => inputs);
    const watched = new Set(alarms.map((one) => one.metricName));
    const dead = of(queueType).filter(({ inputs }) => inputs.name.endsWith("-dead.fifo"));
    return [
      ...["ApproximateAgeOfOldestMessage", "LeasesLost", "WebhooksFailed", "HostsStarted", "ShardsUnheld"]
        .filter((metric) => !watched.has(metric))
        .map((metric) => `nobody watches ${metric}`),
      ...dead
        .filter(({ inputs }) => !alarms.some((one) => one.dimensions.QueueName === inputs.name))
        .map(({ inputs }) => `nobody watches ${inputs.name}`),
      ...alarms.filter((one) => !one.alarmActions?.length).map((one) => `${one.alarmDescription}: nobody is told`),
    ];
  },
];

interface Statement {
  Action: string | string[];
  Resource: string | string[];
}
