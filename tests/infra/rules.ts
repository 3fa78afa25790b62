import type { Evaluation } from "./evaluate.ts";
import type { Declared } from "./mocks.ts";

/** A rule for the infrastructure. Returns a message for each violation. */
type Rule = (of: Finder, evaluation: Evaluation) => string[];
type Finder = (type: string) => Declared[];

export function violations(evaluation: Evaluation): string[] {
  const of: Finder = (type) => evaluation.resources.filter((one) => one.type === type);
  return [...evaluation.problems, ...rules.flatMap((rule) => rule(of, evaluation))];
}

const queueType = "aws:sqs/queue:Queue";
const functionType = "aws:lambda/function:Function";

const rules: Rule[] = [
  function queuesKeepFailedMessages(of) {
    const names = new Set(of(queueType).map(({ inputs }) => inputs.name));
    return of(queueType).flatMap(({ inputs }) => {
      const { name, redrivePolicy } = inputs;
      const encrypted = inputs.kmsMasterKeyId ? [] : [`${name} is not encrypted`];
      const kept = inputs.messageRetentionSeconds === 1_209_600 ? [] : [`${name} keeps messages for less than 14 days`];
      const fifo = inputs.fifoQueue && name.endsWith(".fifo") ? [] : [`${name} is not a FIFO queue`];
      if (name.endsWith("-dead.fifo")) return [...encrypted, ...kept, ...fifo];
      const redrive = redrivePolicy ? JSON.parse(redrivePolicy) : {};
      const dead = String(redrive.deadLetterTargetArn).split(":").at(-1);
      const receives = /-command-\d+\.fifo$/.test(name) ? 5 : 200;
      const isDead = names.has(dead) && redrive.maxReceiveCount === receives;
      const deadLetters = isDead ? [] : [`${name} has no dead-letter queue`];
      return [...encrypted, ...kept, ...fifo, ...deadLetters];
    });
  },

  function visibilityTimeoutsExceedFunctionTimeouts(of) {
    const mappings = of("aws:lambda/eventSourceMapping:EventSourceMapping");
    return mappings.flatMap(({ name, inputs }) => {
      const queue = of(queueType).find((one) => String(inputs.eventSourceArn).endsWith(`:${one.inputs.name}`))?.inputs;
      const fn = of(functionType).find((one) => String(inputs.functionName).endsWith(`:${one.inputs.name}`))?.inputs;
      if (!queue || !fn) return [`${name} connects an unknown queue or function`];
      const hides = queue.visibilityTimeoutSeconds;
      return [
        ...(hides >= 6 * fn.timeout
          ? []
          : [`${queue.name} hides for ${hides} s, less than 6 times its function's timeout of ${fn.timeout} s`]),
        ...(inputs.functionResponseTypes?.includes("ReportBatchItemFailures") ? [] : [`${name} retries whole batches`]),
        ...(inputs.batchSize <= 10 ? [] : [`${name} has a larger batch size than a FIFO queue allows`]),
      ];
    });
  },

  function rolesHaveNoWildcards(of) {
    return of("aws:iam/role:Role")
      .filter(({ name }) => !name.startsWith("Network"))
      .flatMap(({ name, inputs }) => {
        const trusted = JSON.stringify(inputs.assumeRolePolicy);
        const statements: Statement[] = (inputs.inlinePolicies ?? []).flatMap(
          (one: { policy: string }) => JSON.parse(one.policy).Statement,
        );
        return [
          ...(/:root|"AWS"/.test(trusted) ? [`${name} trusts a whole account`] : []),
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

  function functionsRunInPrivateSubnets(of) {
    const privateSubnets = of("aws:ec2/subnet:Subnet")
      .filter(({ name }) => name.includes("Private"))
      .map(({ name }) => `${name}-id`);
    return of(functionType).flatMap(({ name, inputs }) => [
      ...(inputs.architectures?.[0] === "arm64" && inputs.runtime === "nodejs24.x"
        ? []
        : [`${name} does not run on arm64 with nodejs24.x`]),
      ...(inputs.vpcConfig?.subnetIds?.length > 0 &&
      inputs.vpcConfig.subnetIds.every((id: string) => privateSubnets.includes(id))
        ? []
        : [`${name} is not in the private subnets`]),
      ...(inputs.kmsKeyArn ? [] : [`${name} does not encrypt its environment with our key`]),
    ]);
  },

  function apiTimesOutBeforeApiGateway(of) {
    const api = of(functionType).find(({ name }) => name.startsWith("ApiFunction"))?.inputs;
    const integration = of("aws:apigatewayv2/integration:Integration")[0]?.inputs;
    const route = of("aws:apigatewayv2/route:Route")[0]?.inputs;
    const gateway = of("aws:apigatewayv2/api:Api")[0]?.inputs;
    return [
      ...(gateway && !gateway.corsConfiguration?.allowOrigins
        ? []
        : ["API Gateway allows web pages itself, not by CORS_ORIGINS"]),
      ...(api?.timeout < 30 && api?.timeout > 25
        ? []
        : [`the API's timeout of ${api?.timeout} s is not between 25 s and API Gateway's 30 s`]),
      ...(integration?.payloadFormatVersion === "2.0" ? [] : ["the API does not get events in format 2.0"]),
      ...(route?.routeKey === "$default" ? [] : ["the API does not get every path"]),
    ];
  },

  function streamsAreBounded(of) {
    const isStream = ({ name }: Declared) => name.startsWith("StreamFunction");
    const fn = of(functionType).find(isStream)?.inputs;
    const urls = of("aws:lambda/functionUrl:FunctionUrl");
    const [url] = urls.filter(isStream);
    const api = of(functionType).find(({ name }) => name.startsWith("ApiFunction"))?.inputs;
    return [
      ...(urls.length === 1 ? [] : ["not exactly one function has a URL"]),
      ...(url?.inputs.invokeMode === "RESPONSE_STREAM" ? [] : ["streams are buffered"]),
      // The app checks the credentials, as behind API Gateway.
      ...(url?.inputs.authorizationType === "NONE" && !url.inputs.cors ? [] : ["the URL of streams is not the app's"]),
      ...(fn?.reservedConcurrentExecutions > 0 && fn?.reservedConcurrentExecutions <= 100
        ? []
        : ["the number of streams is not bounded"]),
      ...(fn?.timeout <= 300 ? [] : ["a stream without a client occupies its function for more than 5 minutes"]),
      ...(api?.environment.variables.STREAM_URL ? [] : ["the API does not know the URL of streams"]),
    ];
  },

  function cronDeletesWhatExpires(of) {
    const role = of("aws:iam/role:Role").find(({ name }) => name.startsWith("CronFunction"));
    const statements: Statement[] = (role?.inputs.inlinePolicies ?? []).flatMap(
      (one: { policy: string }) => JSON.parse(one.policy).Statement,
    );
    const allowed = statements.filter(({ Action }) => [Action].flat().includes("s3:DeleteObject"));
    const resources = allowed.flatMap(({ Resource }) => [Resource].flat());
    return ["media", "upload", "export"].flatMap((prefix) =>
      resources.some((one) => one.endsWith(`/${prefix}/*`)) ? [] : [`the cron function can't delete ${prefix}/`],
    );
  },

  function bucketIsPrivateAndEncrypted(of) {
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
        : ["uploads never expire"]),
      ...(JSON.stringify(policy?.inputs.policy ?? "").includes("aws:SecureTransport")
        ? []
        : ["the bucket allows access without TLS"]),
    ];
  },

  function databaseIsPrivateAndEncrypted(of) {
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
        : ["the production database lacks deletion protection or 14 days of backups"]),
      ...of("aws:rds/clusterInstance:ClusterInstance")
        .filter(({ inputs }) => inputs.publiclyAccessible)
        .map(() => "the database is public"),
      ...of("aws:kms/key:Key")
        .filter(({ inputs }) => !inputs.enableKeyRotation)
        .map(() => "the key is never rotated"),
    ];
  },

  function onlyTheMigrationOwnsTheTables(of) {
    const environments = of("aws:lambda/function:Function").map(({ name, inputs }) => ({
      name,
      variables: inputs.environment?.variables ?? {},
    }));
    const owners = environments.filter(({ variables }) => variables.DATABASE_OWNER_URL !== undefined);
    const secrets = of("aws:secretsmanager/secretVersion:SecretVersion");
    const ofHosts = secrets.find(({ name }) => name === "DatabaseUrlVersion")?.inputs.secretString;
    const urls = [ofHosts, ...environments.flatMap(({ variables }) => variables.DATABASE_URL ?? [])];
    return [
      ...(owners.length === 1 && owners[0]?.name.startsWith("Migrate")
        ? []
        : ["not exactly the migration has the owner's URL of the database"]),
      ...(urls.every((url) => String(url).startsWith("postgresql://switchboard:"))
        ? []
        : ["a function or a host connects to the database as its owner"]),
    ];
  },

  function securityGroupsBlockTheInternet(of) {
    const groups = [
      ...of("aws:ec2/securityGroup:SecurityGroup"),
      ...of("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"),
    ];
    return groups
      .filter(({ inputs }) => JSON.stringify(inputs.ingress ?? []).includes("0.0.0.0/0"))
      .map(({ name }) => `${name} allows access from the internet`);
  },

  function hostsStopGracefully(of) {
    const task = of("aws:ecs/taskDefinition:TaskDefinition")[0]?.inputs;
    const service = of("aws:ecs/service:Service")[0]?.inputs;
    const [container] = JSON.parse(task?.containerDefinitions ?? "[{}]");
    const network = service?.networkConfiguration;
    return [
      ...(container.stopTimeout === 120 ? [] : ["a host is killed before it has released its shards"]),
      ...(container.healthCheck ? [] : ["a host has no health check"]),
      ...(container.secrets?.some((one: { name: string }) => one.name === "DATABASE_URL") &&
      !container.environment.some((one: { name: string }) => one.name === "DATABASE_URL")
        ? []
        : ["the task definition contains the database URL as plain text"]),
      ...(container.linuxParameters?.initProcessEnabled ? [] : ["a host has no init process"]),
      ...(task?.runtimePlatform.cpuArchitecture === "ARM64" ? [] : ["hosts do not run on ARM64"]),
      ...(service?.deploymentMinimumHealthyPercent === 100 && service.deploymentMaximumPercent === 200
        ? []
        : ["a deploy stops hosts before their successors run"]),
      ...(service?.deploymentCircuitBreaker?.rollback ? [] : ["a failed deploy is not rolled back"]),
      ...(network?.subnets.every((id: string) => id.includes("Private")) && !network.assignPublicIp
        ? []
        : ["hosts are not in the private subnets"]),
    ];
  },

  function hostsScaleWithInstances(of) {
    const policy = of("aws:appautoscaling/policy:Policy").map(
      ({ inputs }) => inputs.targetTrackingScalingPolicyConfiguration,
    );
    const own = policy.filter((one) => one?.customizedMetricSpecification?.metricName === "InstancesPerHost");
    return own.length === 1 && policy.length === 1 ? [] : ["hosts are not scaled only by instances per host"];
  },

  function failuresRaiseAlarms(of) {
    const alarms = of("aws:cloudwatch/metricAlarm:MetricAlarm").map(({ inputs }) => inputs);
    const watched = new Set(alarms.map((one) => one.metricName));
    const dead = of(queueType).filter(({ inputs }) => inputs.name.endsWith("-dead.fifo"));
    return [
      ...["ApproximateAgeOfOldestMessage", "LeasesLost", "WebhooksFailed", "HostsStarted", "ShardsUnheld"]
        .filter((metric) => !watched.has(metric))
        .map((metric) => `no alarm watches ${metric}`),
      ...dead
        .filter(({ inputs }) => !alarms.some((one) => one.dimensions.QueueName === inputs.name))
        .map(({ inputs }) => `no alarm watches ${inputs.name}`),
      ...alarms
        .filter((one) => !one.alarmActions?.length)
        .map((one) => `the alarm "${one.alarmDescription}" has no action`),
    ];
  },
];

interface Statement {
  Action: string | string[];
  Resource: string | string[];
}
