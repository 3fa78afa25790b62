/** Whether this is the production stage, which `sst remove` refuses to remove. Removing any other stage deletes its data. */
export const production = $app.stage === "production";

/** The prefix of queue names, by which the gateway finds its queues: `<prefix>-command-0.fifo`, … */
export const prefix = `${$app.name}-${$app.stage}`;

export const sizes = production
  ? ({
      nat: "managed",
      /** The number of shards. It can grow but never shrink, because instances keep their shards. */
      shards: 32,
      database: { min: "0.5 ACU", max: "32 ACU" },
      databaseReaders: 1,
      host: { cpu: "2 vCPU", memory: "8 GB", min: 2, max: 16 },
      /**
       * The number of instances per host, computed from the memory of a host and the memory per session
       * (docs/reference/benchmark.md), with a reserve for media.
       */
      instancesPerHost: 1_500,
      /** The most streams of live events at the same time. Each occupies a Lambda function. */
      streams: 100,
      logs: "3 months",
    } as const)
  : ({
      nat: "ec2",
      shards: 4,
      database: { min: "0 ACU", max: "2 ACU" },
      databaseReaders: 0,
      host: { cpu: "0.5 vCPU", memory: "2 GB", min: 1, max: 2 },
      instancesPerHost: 300,
      streams: 10,
      logs: "1 week",
    } as const);
