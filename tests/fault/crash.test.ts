import { join } from "node:path";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { DeleteMessageBatchCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import postgres from "postgres";
import { expect, onTestFinished, test, vi } from "vitest";
import { startAws } from "../../local/aws/index.ts";
import { startPostgres } from "../../local/postgres/index.ts";
import { startChild } from "../support/process/child.ts";
import { folderOfTest } from "../support/process/temporary-folder.ts";

// The tests use real servers, which are slow on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

test("kill -9 of a gateway loses no acknowledged row, message or object, and the next gateway takes over", async () => {
  const folder = await folderOfTest();
  const dirs = { pg: join(folder, "postgres"), aws: join(folder, "aws") };
  // The database outlives its gateway, so stop it even if the test fails.
  onTestFinished(async () => (await startPostgres({ dataDir: dirs.pg })).stop());
  const child = startChild(writer(dirs));
  const { queueUrl, url } = (await child.next()) as { queueUrl: string; url: string };
  let acknowledged = -1;
  while (acknowledged < 25) acknowledged = Number(await child.next());
  await child.kill();

  const pg = await startPostgres({ dataDir: dirs.pg });
  const aws = await startAws({ dataDir: dirs.aws });
  onTestFinished(aws.stop);
  expect(pg.url).toBe(url);
  expect(aws.endpoint).toBe(new URL(queueUrl).origin);
  const wanted = Array.from({ length: acknowledged + 1 }, (_, i) => i);

  const sql = postgres(pg.url, { max: 1 });
  const rows = await sql<{ n: number }[]>`SELECT n FROM written ORDER BY n`;
  await sql.end();
  expect(rows.map(({ n }) => n).slice(0, wanted.length)).toEqual(wanted);

  const sqs = new SQSClient(aws.clientConfig);
  // A repeat of a message that was accepted before the crash is still dropped.
  const repeat = { MessageBody: "0", MessageGroupId: "g", MessageDeduplicationId: "0" };
  await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, ...repeat }));
  const received: number[] = [];
  while (received.length < wanted.length) {
    const receive = new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10 });
    const { Messages } = await sqs.send(receive);
    if (!Messages) break;
    received.push(...Messages.map(({ Body }) => Number(Body)));
    const Entries = Messages.map(({ ReceiptHandle }, i) => ({ Id: String(i), ReceiptHandle }));
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
  }
  expect(received.slice(0, wanted.length)).toEqual(wanted);

  const s3 = new S3Client(aws.clientConfig);
  const last = await s3.send(new GetObjectCommand({ Bucket: "media", Key: String(acknowledged) }));
  expect(await last.Body?.transformToString()).toBe("x".repeat(10_000));
});

const writer = (dirs: { pg: string; aws: string }) => `
  import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
  import { CreateQueueCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
  import postgres from "postgres";
  import { startAws } from "./local/aws/index.ts";
  import { startPostgres } from "./local/postgres/index.ts";
  const [pg, aws] = await Promise.all([
    startPostgres({ dataDir: ${JSON.stringify(dirs.pg)} }),
    startAws({ dataDir: ${JSON.stringify(dirs.aws)} }),
  ]);
  const sql = postgres(pg.url);
  const sqs = new SQSClient(aws.clientConfig);
  const s3 = new S3Client(aws.clientConfig);
  await sql\`CREATE TABLE written (n int)\`;
  await s3.send(new CreateBucketCommand({ Bucket: "media" }));
  const Attributes = { FifoQueue: "true" };
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "events.fifo", Attributes }));
  console.log(JSON.stringify({ queueUrl: QueueUrl, url: pg.url }));
  for (let n = 0; ; n++) {
    const message = { MessageBody: String(n), MessageGroupId: "g", MessageDeduplicationId: String(n) };
    await Promise.all([
      sql\`INSERT INTO written VALUES (\${n})\`,
      sqs.send(new SendMessageCommand({ QueueUrl, ...message })),
      s3.send(new PutObjectCommand({ Bucket: "media", Key: String(n), Body: "x".repeat(10_000) })),
    ]);
    console.log(n);
  }
`;
