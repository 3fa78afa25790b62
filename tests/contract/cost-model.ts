import { metricCatalog } from "../../core/metric/name.ts";

/**
 * Monthly costs on AWS by part, in US dollars: list prices of us-east-1, 730 hours a month,
 * without free tier, savings plans or spot capacity.
 *
 * Each price has the URL of AWS's page and then the sources that it was compared with in November 2026, with the date of
 * their text. No price was read on AWS's page itself: a script fills in the figures there, and stored copies lack them.
 *   [infracost] expected results in the source of Infracost, which queries AWS's price list: August 2026, some older
 *   [toolkit] github.com/aws/agent-toolkit-for-aws, "static fallback" of March 2026
 *   [notes] notes in a public repository on figures taken from AWS's price data on 23 September 2026
 *   [transcript] transcript of AWS's page by API Evangelist, September 2026
 *   [sst] the comment of the component in SST 4.17.1
 * No source was found for the following, so they are from memory or guesses: the number of Lambda's pollers for a FIFO queue,
 * the formula for KMS calls, the number of charged Container Insights metrics, and all sizes (database capacity, bytes and
 * changes of a message).
 */
export const prices = {
  // https://aws.amazon.com/fargate/pricing/ Linux on ARM: [notes], vantage.sh/blog/fargate-pricing
  fargateVcpuHour: 0.03238,
  fargateGbHour: 0.00356,
  // The same page, above the free 20 GB: vantage.sh/blog/fargate-pricing
  fargateDiskGbHour: 0.000111,
  // https://aws.amazon.com/rds/aurora/pricing/ Aurora Standard: [toolkit], [infracost], [notes]
  auroraAcuHour: 0.12,
  auroraStorageGbMonth: 0.1,
  auroraMillionIo: 0.2,
  // The same page: [infracost]
  auroraBackupGbMonth: 0.021,
  // https://aws.amazon.com/lambda/pricing/ arm64, the first 7.5 billion GB-seconds: [infracost], cloudchipr.com of 2024
  lambdaGbSecond: 0.0000133334,
  // The same page: [infracost], [transcript]
  lambdaMillionRequests: 0.2,
  // The same page, bytes of streamed responses beyond the first 6 MB of each request. That these are free: cloudchipr.com of
  // 2025. The price is from memory, and no source was found for it
  lambdaStreamedGb: 0.008,
  // https://aws.amazon.com/api-gateway/pricing/ the first 300 million: [infracost]
  httpApiMillionRequests: 1,
  // https://aws.amazon.com/sqs/pricing/ each started 64 KB is a request: [infracost], cloudburn.io of March 2026
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
  // https://aws.amazon.com/cloudwatch/pricing/ [infracost]; EMF metrics cost as custom metrics: notes on the page from 2022
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
  /** Average over the month, for writer and reader together. */
  acu: number;
}

/** Per instance and day. Messages are sent over REST, and each message causes two webhooks and two receipts. */
export const perDay = { sent: 100, received: 100, mediaShare: 0.1, mediaMb: 0.5, eventsPerMessage: 2 };

export const stages: Record<string, Assumptions> = {
  "10": { production: false, instances: 10, hosts: 1, vcpu: 0.5, memoryGb: 2, shards: 4, acu: 0.5 },
  "1,000": { production: true, instances: 1_000, hosts: 2, vcpu: 2, memoryGb: 8, shards: 32, acu: 2 },
  "10,000": { production: true, instances: 10_000, hosts: 7, vcpu: 2, memoryGb: 8, shards: 32, acu: 12 },
};

const hours = 730;
const days = 30.4;
/** Assumed months that files and messages are kept. The gateway doesn't remove them by itself. */
const monthsKept = 3;
/** The number of metrics that CloudWatch gets, each with one dimension. */
const metrics = Object.values(metricCatalog).filter((one) => !("of" in one && one.of === "host")).length;
/** Container Insights metrics of a cluster with one service, as AWS's user guide listed them with their dimensions until 2023. */
const insightMetrics = 31;

/** Returns the monthly dollars of each part. */
export function monthly(of: Assumptions): Record<string, number> {
  const messages = of.instances * (perDay.sent + perDay.received) * days;
  const requests = of.instances * perDay.sent * days;
  const events = messages * perDay.eventsPerMessage;
  const files = messages * perDay.mediaShare;
  const mediaGb = (files * perDay.mediaMb) / 1024;
  // Worst case: commands and events are sent, received and removed one by one, and the webhook function keeps its events
  // hidden. Batches need fewer calls.
  const queueCalls = requests * 3 + events * 4;
  // Polls of 20 s: one poller per shard, and five of Lambda (AWS's number for standard queues) for each of its two queues.
  const polls = (of.shards + 2 * 5) * ((hours * 3600) / 20);
  // GB-seconds: 30 ms with 1 GB per request, 100 ms with 0.5 GB per event, and 1 s with 0.5 GB each minute.
  const cronRuns = hours * 60;
  const lambdaSeconds = requests * 0.03 + events * 0.05 + cronRuns * 0.5;
  // Log KB per request (ours, Lambda's two lines, the access log, EMF) and per event that is handled in its own run.
  const logsGb = (requests * 2.2 + events * 1.4) / 1e6;
  // Files, and 2 KB for each SQS call and each webhook.
  const natGb = mediaGb + ((queueCalls + events) * 2) / 1e6;
  // Each file leaves once, to WhatsApp or to its downloader, and each webhook with 2 KB.
  const outGb = mediaGb + (events * 2) / 1e6;
  // 30 KB of changes per message for 14 days. A single day is free.
  const backupGb = of.production ? (messages * 30 * (14 / days)) / 1e6 : 0;
  // Per queue and hour, two calls for each of three senders and one for the receiver: AWS's formula for keys reused for an hour.
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
      // The alarms of infra/monitoring/alarms.ts, and two that target tracking creates.
      (of.shards + 13 + 2) * prices.alarmMonth +
      prices.dashboardMonth +
      (metrics + (of.production ? insightMetrics : 0)) * prices.metricMonth,
    "Keys, secrets, images":
      prices.kmsKeyMonth +
      (kmsCalls / 1e6) * prices.kmsMillionRequests +
      // The database URL and SST's copy of the password; SST's hosted zone in the VPC; some images.
      2 * prices.secretMonth +
      prices.hostedZoneMonth +
      5 * prices.ecrGbMonth,
  };
}

/** A client that follows events all the time. `memoryGb` and `seconds` are those of the function in infra/service. */
interface Follower {
  memoryGb: number;
  /** How long one request lasts. */
  seconds: number;
  /** Price of a million requests. */
  million: number;
}

export const followers: Record<string, Follower> = {
  "Stream, through the function URL": { memoryGb: 0.5, seconds: 295, million: prices.lambdaMillionRequests },
  "Long polling with `wait=20`, through the HTTP API": {
    memoryGb: 1,
    seconds: 20,
    million: prices.lambdaMillionRequests + prices.httpApiMillionRequests,
  },
};

/** Dollars an hour of one client. Its events cost traffic in addition. */
export const followerHour = ({ memoryGb, seconds, million }: Follower): number =>
  3600 * memoryGb * prices.lambdaGbSecond + (3600 / seconds / 1e6) * million;

/** Returns the table of live events in docs/operations/costs.md. */
export function streamTable(): string {
  const dollars = (value: number) => (value < 100 ? value.toFixed(3) : Math.round(value).toLocaleString("en-US"));
  return [
    "| US$ | one, an hour | one, a month | 1,000, an hour | 1,000, a month |",
    "| --- | ---: | ---: | ---: | ---: |",
    ...Object.entries(followers).map(([name, follower]) => {
      const hour = followerHour(follower);
      const cells = [hour, hour * hours, hour * 1000, hour * hours * 1000].map(dollars);
      return `| ${name} | ${cells.join(" | ")} |`;
    }),
  ].join("\n");
}

/** Returns the table of docs/operations/costs.md. */
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
