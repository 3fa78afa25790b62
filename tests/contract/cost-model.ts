import { metricCatalog } from "../../core/metric/name.ts";

/**
 * What a month on AWS costs, by part, in US dollars. List prices of us-east-1; a month has 730 hours.
 * No free tier, no savings plan, no spot.
 *
 * Each price has AWS's page for it, and behind that the copies it was compared with in November 2026, with the date of their text. None was
 * read on AWS's page itself: a script fills in the figures there, and stored copies lack them.
 *   [infracost] expected results in the source of Infracost, which asks AWS's price list: August 2026, some of them older
 *   [toolkit] github.com/aws/agent-toolkit-for-aws, "static fallback" of March 2026
 *   [notes] in a public repository, on figures that somebody took from AWS's price data on 23 September 2026
 *   [transcript] of the text of AWS's page, by API Evangelist, September 2026
 *   [sst] what SST 4.17.1 says of its component
 * Not found, so from memory or a guess: how many pollers Lambda has for a FIFO queue, the formula for calls of KMS, how many metrics of
 * Container Insights are charged for, and all that is said of sizes: capacity of the database, bytes and changes of a message.
 */
export const prices = {
  // https://aws.amazon.com/fargate/pricing/ Linux on ARM: [notes], vantage.sh/blog/fargate-pricing
  fargateVcpuHour: 0.03238,
  fargateGbHour: 0.00356,
  // The same; above the 20 GB that are free: vantage.sh/blog/fargate-pricing
  fargateDiskGbHour: 0.000111,
  // https://aws.amazon.com/rds/aurora/pricing/ Aurora Standard: [toolkit], [infracost], [notes]
  auroraAcuHour: 0.12,
  auroraStorageGbMonth: 0.1,
  auroraMillionIo: 0.2,
  // The same: [infracost]
  auroraBackupGbMonth: 0.021,
  // https://aws.amazon.com/lambda/pricing/ arm64, the first 7.5 billion GB-seconds: [infracost], cloudchipr.com of 2024
  lambdaGbSecond: 0.0000133334,
  // The same: [infracost], [transcript]
  lambdaMillionRequests: 0.2,
  // https://aws.amazon.com/api-gateway/pricing/ the first 300 million: [infracost]
  httpApiMillionRequests: 1,
  // https://aws.amazon.com/sqs/pricing/ each begun 64 KB is a request: [infracost], cloudburn.io of March 2026
  sqsFifoMillionRequests: 0.5,
  // https://aws.amazon.com/vpc/pricing/ [infracost], [sst], [notes], [transcript] (its example is Ohio)
  natHour: 0.045,
  natGb: 0.045,
  // The same page, since February 2024: [notes], haufe-akademie.de, javierinthecloud.com
  ipv4Hour: 0.005,
  // https://aws.amazon.com/ec2/pricing/on-demand/ [sst], README of fck-nat
  t4gNanoHour: 0.0042,
  // The same page, the first 10 TB to the internet: [infracost], [sst]
  transferOutGb: 0.09,
  // https://aws.amazon.com/s3/pricing/ Standard, the first 50 TB: [infracost]
  s3GbMonth: 0.023,
  s3ThousandPuts: 0.005,
  // https://aws.amazon.com/kms/pricing/ [infracost]. Each of the first two yearly rotations adds another dollar a month
  kmsKeyMonth: 1,
  kmsMillionRequests: 3,
  // https://aws.amazon.com/secrets-manager/pricing/, /route53/pricing/, /ecr/pricing/ [infracost]
  secretMonth: 0.4,
  hostedZoneMonth: 0.5,
  ecrGbMonth: 0.1,
  // https://aws.amazon.com/cloudwatch/pricing/ [infracost]; custom metrics, which those by EMF are: notes on the page of 2022
  logsGb: 0.5,
  alarmMonth: 0.1,
  dashboardMonth: 3,
  metricMonth: 0.3,
} as const;

export interface Assumptions {
  production: boolean;
  instances: number;
  hosts: number;
  vcpu: number;
  memoryGb: number;
  shards: number;
  /** On average over the month, of writer and reader together. */
  acu: number;
}

/** Of each instance on a day; what is sent is asked for over REST, and each message ends in two webhooks and two receipts. */
export const perDay = { sent: 100, received: 100, mediaShare: 0.1, mediaMb: 0.5, eventsPerMessage: 2 };

export const stages: Record<string, Assumptions> = {
  "10": { production: false, instances: 10, hosts: 1, vcpu: 0.5, memoryGb: 2, shards: 4, acu: 0.5 },
  "1,000": { production: true, instances: 1_000, hosts: 2, vcpu: 2, memoryGb: 8, shards: 32, acu: 2 },
  "10,000": { production: true, instances: 10_000, hosts: 7, vcpu: 2, memoryGb: 8, shards: 32, acu: 12 },
};

const hours = 730;
const days = 30.4;
/** So long are files and messages kept here; nothing removes them by itself. */
const monthsKept = 3;
/** Those that go to CloudWatch, each with one dimension. */
const metrics = Object.values(metricCatalog).filter((one) => !("of" in one && one.of === "host")).length;
/** Of a cluster with one service: Container Insights' metrics with their dimensions, as AWS's user guide listed them until 2023. */
const insightMetrics = 31;

/** Dollars of a month by part. */
export function monthly(of: Assumptions): Record<string, number> {
  const messages = of.instances * (perDay.sent + perDay.received) * days;
  const requests = of.instances * perDay.sent * days;
  const events = messages * perDay.eventsPerMessage;
  const files = messages * perDay.mediaShare;
  const mediaGb = (files * perDay.mediaMb) / 1024;
  // Commands and events are sent, received and removed one by one: the worst case, batches take less.
  const queueCalls = (requests + events) * 3;
  // Polls of 20 s: a host for each shard, and five of Lambda (what AWS says of queues that are not FIFO) for each of its two queues.
  const polls = (of.shards + 2 * 5) * ((hours * 3600) / 20);
  // GB-seconds: 30 ms with 1 GB, 100 ms with half a GB for one event, and each minute a second with half a GB.
  const cronRuns = hours * 60;
  const lambdaSeconds = requests * 0.03 + events * 0.05 + cronRuns * 0.5;
  // KB of a request (ours, Lambda's two lines, the access log, EMF) and of an event that comes in a run of its own.
  const logsGb = (requests * 2.2 + events * 1.4) / 1e6;
  // Beside files, 2 KB for each call of SQS and each webhook.
  const natGb = mediaGb + ((queueCalls + events) * 2) / 1e6;
  // Each file leaves once, to WhatsApp or to whoever fetches it, and each webhook with 2 KB.
  const outGb = mediaGb + (events * 2) / 1e6;
  // 30 KB of changes for a message over 14 days; a single day is free.
  const backupGb = of.production ? (messages * 30 * (14 / days)) / 1e6 : 0;
  // For each queue and hour two calls of each of three senders, one of the receiver: AWS's formula for keys that are reused for an hour.
  const kmsCalls = (of.shards + 2) * hours * (2 * 3 + 1);
  const zones = 2;
  return {
    "Session hosts (Fargate, arm64)":
      of.hosts *
      hours *
      (of.vcpu * prices.fargateVcpuHour + of.memoryGb * prices.fargateGbHour + 20 * prices.fargateDiskGbHour),
    "Database (Aurora Serverless v2)":
      of.acu * hours * prices.auroraAcuHour +
      (5 + (messages * 3 * monthsKept) / 1e6) * prices.auroraStorageGbMonth +
      ((messages * 30) / 1e6) * prices.auroraMillionIo +
      backupGb * prices.auroraBackupGbMonth,
    "Functions (Lambda)":
      lambdaSeconds * prices.lambdaGbSecond + ((requests + events + cronRuns) / 1e6) * prices.lambdaMillionRequests,
    "HTTP API": (requests / 1e6) * prices.httpApiMillionRequests,
    "Queues (SQS FIFO)": ((queueCalls + polls) / 1e6) * prices.sqsFifoMillionRequests,
    "Network (NAT, addresses)":
      zones * hours * (prices.ipv4Hour + (of.production ? prices.natHour : prices.t4gNanoHour)) +
      (of.production ? natGb * prices.natGb : 0),
    "Traffic out": outGb * prices.transferOutGb,
    "Files (S3)": mediaGb * prices.s3GbMonth * monthsKept + (files / 1000) * prices.s3ThousandPuts,
    "Logs, metrics, alarms":
      logsGb * prices.logsGb +
      // Those of infra/monitoring/alarms.ts, and two that scaling by a target makes.
      (of.shards + 13 + 2) * prices.alarmMonth +
      prices.dashboardMonth +
      (metrics + (of.production ? insightMetrics : 0)) * prices.metricMonth,
    "Keys, secrets, images":
      prices.kmsKeyMonth +
      (kmsCalls / 1e6) * prices.kmsMillionRequests +
      // The database's address and SST's copy of its password; SST's names in the VPC; some images.
      2 * prices.secretMonth +
      prices.hostedZoneMonth +
      5 * prices.ecrGbMonth,
  };
}

/** The table of docs/operations/costs.md. */
export function table(): string {
  const columns = Object.entries(stages).map(([name, of]) => ({ name, parts: monthly(of) }));
  const parts = Object.keys(columns[0]?.parts ?? {});
  const dollars = (value: number) => (value < 10 ? value.toFixed(2) : Math.round(value).toLocaleString("en-US"));
  const total = (of: Record<string, number>) => Object.values(of).reduce((sum, value) => sum + value, 0);
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(["US$ a month", ...columns.map(({ name }) => `${name} instances`)]),
    line(["---", ...columns.map(() => "---:")]),
    ...parts.map((part) => line([part, ...columns.map(({ parts: of }) => dollars(of[part] ?? 0))])),
    line(["**Total**", ...columns.map(({ parts: of }) => `**${dollars(total(of))}**`)]),
    line([
      "for each instance",
      ...columns.map(({ parts: of, name }) => dollars(total(of) / Number(name.replace(",", "")))),
    ]),
  ].join("\n");
}
