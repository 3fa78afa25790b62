/**
 * What a month on AWS costs, by part. List prices of us-east-1 in US dollars, from memory of AWS's price pages of 2025: look them up
 * before you rely on them. A month has 730 hours. No free tier, no savings plan, no spot.
 */
export const prices = {
  fargateVcpuHour: 0.03238,
  fargateGbHour: 0.00356,
  auroraAcuHour: 0.12,
  auroraStorageGbMonth: 0.1,
  auroraMillionIo: 0.2,
  lambdaGbSecond: 0.0000133334,
  lambdaMillionRequests: 0.2,
  httpApiMillionRequests: 1,
  sqsFifoMillionRequests: 0.5,
  natHour: 0.045,
  natGb: 0.045,
  s3GbMonth: 0.023,
  s3ThousandPuts: 0.005,
  kmsKeyMonth: 1,
  kmsMillionRequests: 3,
  logsGb: 0.5,
  alarmMonth: 0.1,
  dashboardMonth: 3,
  metricMonth: 0.3,
} as const;

export interface Assumptions {
  instances: number;
  hosts: number;
  vcpu: number;
  memoryGb: number;
  shards: number;
  /** On average over the month. */
  acu: number;
  natGateways: number;
}

/** Of each instance on a day; what is sent is asked for over REST, and each message ends in two webhooks and two receipts. */
export const perDay = { sent: 100, received: 100, mediaShare: 0.1, mediaMb: 0.5, eventsPerMessage: 2 };

export const stages: Record<string, Assumptions> = {
  "10": { instances: 10, hosts: 1, vcpu: 0.5, memoryGb: 2, shards: 4, acu: 0.5, natGateways: 0 },
  "1,000": { instances: 1_000, hosts: 2, vcpu: 2, memoryGb: 8, shards: 32, acu: 2, natGateways: 2 },
  "10,000": { instances: 10_000, hosts: 7, vcpu: 2, memoryGb: 8, shards: 32, acu: 12, natGateways: 2 },
};

const hours = 730;
const days = 30.4;

/** Dollars of a month by part. */
export function monthly(of: Assumptions): Record<string, number> {
  const messages = of.instances * (perDay.sent + perDay.received) * days;
  const requests = of.instances * perDay.sent * days;
  const events = messages * perDay.eventsPerMessage;
  const files = messages * perDay.mediaShare;
  const mediaGb = (files * perDay.mediaMb) / 1024;
  // A command and an event are each sent, received in batches of about three, and removed; empty polls of 20 s come on top.
  const queueCalls = (requests + events) * (1 + 2 / 3) + of.shards * ((hours * 3600) / 20);
  const lambdaSeconds = requests * 0.03 + events * 0.05 + ((hours * 60) / 1) * 0.5;
  // Estimated by the lines of a message at the default level: 0.6 GB for a million.
  const logsGb = (messages * 0.6) / 1e6;
  return {
    "Session hosts (Fargate, arm64)":
      of.hosts * hours * (of.vcpu * prices.fargateVcpuHour + of.memoryGb * prices.fargateGbHour),
    "Database (Aurora Serverless v2)":
      of.acu * hours * prices.auroraAcuHour +
      (5 + (messages * 3) / 1e6) * prices.auroraStorageGbMonth +
      ((messages * 30) / 1e6) * prices.auroraMillionIo,
    "Functions (Lambda)":
      lambdaSeconds * prices.lambdaGbSecond + ((requests + events) / 1e6) * prices.lambdaMillionRequests,
    "HTTP API": (requests / 1e6) * prices.httpApiMillionRequests,
    "Queues (SQS FIFO)": (queueCalls / 1e6) * prices.sqsFifoMillionRequests,
    // A stage without gateways has two small NAT instances (t4g.nano).
    "Network (NAT)":
      of.natGateways > 0 ? of.natGateways * hours * prices.natHour + mediaGb * prices.natGb : 2 * hours * 0.0042,
    "Files (S3)": mediaGb * prices.s3GbMonth * 3 + (files / 1000) * prices.s3ThousandPuts,
    "Keys, logs, alarms":
      prices.kmsKeyMonth +
      (queueCalls / 100 / 1e6) * prices.kmsMillionRequests +
      logsGb * prices.logsGb +
      (of.shards + 12) * prices.alarmMonth +
      prices.dashboardMonth +
      15 * prices.metricMonth,
  };
}

/** The table of docs/costs.md. */
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
