import { createHash, randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  type GetObjectCommandInput,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import pino from "pino";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { readConfig } from "../../core/config.ts";
import { throughApi } from "../../core/storage/through-api.ts";
import { type LocalAws, startAws } from "../../local/aws/index.ts";
import { bucketProxy } from "../../local/gateway/bucket-proxy.ts";
import { startApiGateway } from "../../local/lambda/api-gateway.ts";
import { temporaryFolder } from "../support/process/temporary-folder.ts";

// The tests use real servers, which are slow on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

const Bucket = "media";
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let aws: LocalAws;
let s3: S3Client;

beforeAll(async () => {
  folder = await temporaryFolder();
  aws = await startAws({ dataDir: folder.path });
  s3 = new S3Client(aws.clientConfig);
  await s3.send(new CreateBucketCommand({ Bucket }));
});

afterAll(async () => {
  s3.destroy();
  await aws.stop();
  await folder.remove();
});

const put = (
  Key: string,
  Body: NonNullable<PutObjectCommandInput["Body"]>,
  more: Partial<PutObjectCommandInput> = {},
) => s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const get = (Key: string, more: Partial<GetObjectCommandInput> = {}) =>
  s3.send(new GetObjectCommand({ Bucket, Key, ...more }));
const bytes = async (Key: string) => Buffer.from((await (await get(Key)).Body?.transformToByteArray()) ?? []);
const status = (code: number) =>
  expect.objectContaining({ $metadata: expect.objectContaining({ httpStatusCode: code }) });
const presignGet = (Key: string, expiresIn = 60, more: Partial<GetObjectCommandInput> = {}) =>
  getSignedUrl(s3, new GetObjectCommand({ Bucket, Key, ...more }), { expiresIn });

describe.concurrent("an object", () => {
  test("keeps its bytes, type and metadata under any key", async () => {
    const body = randomBytes(5000);
    const long = `${"folder/".repeat(100)}end`;
    for (const key of ["a/b c+ü&=%.bin", "a//b", "../../outside", "./x/..", "😀", long]) {
      await put(key, body, { ContentType: "image/png", Metadata: { who: "me" } });
      const object = await get(key);
      expect(object.ContentType).toBe("image/png");
      expect(object.Metadata).toEqual({ who: "me" });
      expect((await bytes(key)).equals(body)).toBe(true);
    }
    expect((await readdir(folder.path)).sort()).toEqual(["credentials.json", "port", "s3", "sqs"]);
    expect((await readdir(`${folder.path}/s3`)).sort()).toEqual(["_multipart", "buckets"]);
  });

  test("can be a stream, empty, or 130 MiB long", async () => {
    const body = randomBytes(300_000);
    const stream = Readable.from([body.subarray(0, 100_000), body.subarray(100_000)]);
    await put("stream", stream, { ContentLength: body.length });
    expect((await bytes("stream")).equals(body)).toBe(true);
    await put("empty", "");
    expect((await bytes("empty")).length).toBe(0);
    const big = Buffer.alloc(130 * 1024 * 1024, "switchboard");
    await put("big", big);
    expect((await bytes("big")).equals(big)).toBe(true);
  });

  test("has the MD5 of its bytes as ETag, and a missing object causes an error", async () => {
    await put("tag", "hello");
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: "tag" }));
    expect(head).toMatchObject({ ContentLength: 5, ETag: `"${createHash("md5").update("hello").digest("hex")}"` });
    await expect(get("missing")).rejects.toThrow(expect.objectContaining({ name: "NoSuchKey" }));
    await expect(s3.send(new HeadObjectCommand({ Bucket, Key: "missing" }))).rejects.toThrow(status(404));
  });

  test("is read in ranges", async () => {
    await put("range", "0123456789");
    const part = await get("range", { Range: "bytes=2-4" });
    expect(part.ContentRange).toBe("bytes 2-4/10");
    expect(await part.Body?.transformToString()).toBe("234");
  });

  test("is not overwritten by a put that requires a missing object", async () => {
    await put("once", "first", { IfNoneMatch: "*" });
    await expect(put("once", "second", { IfNoneMatch: "*" })).rejects.toThrow(status(412));
    expect((await bytes("once")).toString()).toBe("first");
  });

  test("is uploaded in parts", async () => {
    const parts = [randomBytes(5 * 1024 * 1024), randomBytes(1000)];
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "parts" }));
    const Parts = await Promise.all(
      parts.map(async (Body, i) => {
        const upload = { Bucket, Key: "parts", UploadId, PartNumber: i + 1, Body };
        return { PartNumber: i + 1, ETag: (await s3.send(new UploadPartCommand(upload))).ETag };
      }),
    );
    await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key: "parts", UploadId, MultipartUpload: { Parts } }));
    expect((await bytes("parts")).equals(Buffer.concat(parts))).toBe(true);
  });

  test("is listed by prefix, folder and page, copied and deleted", async () => {
    for (let i = 0; i < 5; i++) await put(`list/${i}/file`, "x");
    const folders = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: "list/", Delimiter: "/" }));
    expect(folders.CommonPrefixes).toHaveLength(5);
    const page = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: "list/", MaxKeys: 3 }));
    const more = { Bucket, Prefix: "list/", ContinuationToken: page.NextContinuationToken };
    expect((await s3.send(new ListObjectsV2Command(more))).KeyCount).toBe(2);
    await s3.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/list/0/file` }));
    expect((await bytes("copy")).toString()).toBe("x");
    const Objects = [{ Key: "copy" }, { Key: "list/0/file" }];
    await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    await expect(get("copy")).rejects.toThrow(status(404));
  });
});

describe.concurrent("a presigned URL", () => {
  test("reads an object with the requested name and type", async () => {
    await put("down", "hello");
    const url = await presignGet("down", 60, {
      ResponseContentDisposition: 'attachment; filename="x.txt"',
      ResponseContentType: "text/x-preflightHeaders",
    });
    const response = await fetch(url);
    expect(await response.text()).toBe("hello");
    expect(response.headers.get("content-disposition")).toBe('attachment; filename="x.txt"');
    expect(response.headers.get("content-type")).toBe("text/x-preflightHeaders");
  });

  test("writes an object", async () => {
    const command = new PutObjectCommand({ Bucket, Key: "up ü", ContentType: "text/plain" });
    const url = await getSignedUrl(s3, command, { expiresIn: 60 });
    const response = await fetch(url, { method: "PUT", body: "uploaded", headers: { "content-type": "text/plain" } });
    expect(response.status).toBe(200);
    expect((await bytes("up ü")).toString()).toBe("uploaded");
  });

  test("is valid only for its method, key and time", async () => {
    await put("private", "secret");
    const url = await presignGet("private");
    const short = await presignGet("private", 1);
    expect((await fetch(url)).status).toBe(200);
    expect((await fetch(url, { method: "PUT", body: "x" })).status).toBe(403);
    expect((await fetch(url.replace("/private", "/down"))).status).toBe(403);
    expect((await fetch(url.replace(/X-Amz-Signature=..../, "X-Amz-Signature=0000"))).status).toBe(403);
    expect((await fetch(url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"))).status).toBe(403);
    expect((await fetch(url, { headers: { "x-amz-meta-extra": "x" } })).status).toBe(403);
    const json = { "content-type": "application/x-amz-json-1.0" };
    expect((await fetch(url.split("?")[0] ?? "", { headers: json })).status).toBe(403);
    await sleep(2100);
    const late = await fetch(short);
    expect(late.status).toBe(403);
    expect(await late.text()).toContain("Request has expired");
  });

  test("can be used from a web page, because the preflight and the response allow the request", async () => {
    const command = new PutObjectCommand({ Bucket, Key: "from-browser" });
    const url = await getSignedUrl(s3, command, { expiresIn: 60 });
    const origin = "http://localhost:3000";
    const preflightHeaders = {
      "access-control-request-method": "PUT",
      "access-control-request-headers": "content-type",
    };
    const preflight = await fetch(url, { method: "OPTIONS", headers: { origin, ...preflightHeaders } });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-methods")).toContain("PUT");
    expect(preflight.headers.get("access-control-allow-headers")).toBe("content-type");
    const response = await fetch(url, { method: "PUT", body: "x", headers: { origin } });
    expect(response.status).toBe(200);
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect(response.headers.get("access-control-expose-headers")).toContain("ETag");
  });
});

test("reading and listing require a valid signature", async () => {
  const credentials = { ...aws.credentials, secretAccessKey: "wrong" };
  const stranger = new S3Client({ ...aws.clientConfig, credentials });
  await expect(stranger.send(new ListObjectsV2Command({ Bucket }))).rejects.toThrow(
    expect.objectContaining({ name: "SignatureDoesNotMatch" }),
  );
  expect((await fetch(`${aws.endpoint}/${Bucket}`)).status).toBe(403);
  expect((await fetch(aws.endpoint)).status).toBe(403);
});

test("FILES_THROUGH_API passes presigned requests on to your own S3, without other headers, and says when it is not reachable", async () => {
  const { accessKeyId } = aws.credentials;
  const own = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: "x", BUCKET: Bucket };
  const config = readConfig({ ...own, S3_ENDPOINT: aws.endpoint, FILES_THROUGH_API: "true" });
  const files = bucketProxy(config, pino({ level: "silent" }));
  const handler = async () => ({ statusCode: 404, body: "the API" });
  const api = await startApiGateway({ handler, port: 0, direct: files.serve });
  onTestFinished(async () => {
    await api.stop();
    files.stop();
  });
  await put("through", "content");
  const link = throughApi(await presignGet("through"), `${api.url}/`);
  expect(link).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/api\/bucket\/media\/through\?/);
  const preflight = { origin: "https://a.example", "access-control-request-method": "GET" };
  expect((await fetch(link, { method: "OPTIONS", headers: preflight })).status).toBe(204);
  // A signature in a header could allow more than the one in the URL.
  const response = await fetch(link, { headers: { authorization: "AWS4-HMAC-SHA256 x", "x-amz-acl": "public-read" } });
  expect([response.status, await response.text()]).toEqual([200, "content"]);
  const isSafe = ({ headers }: Response) => {
    expect(headers.get("content-security-policy")).toBe("default-src 'none'; sandbox");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  };
  isSafe(response);
  expect((await fetch(`${api.url}/api/bucket/media/through`)).status).toBe(404);

  // The S3 may be shared with others, who can sign links to their own buckets and files.
  await s3.send(new CreateBucketCommand({ Bucket: "others" }));
  await s3.send(new PutObjectCommand({ Bucket: "others", Key: "page", Body: "<script>", ContentType: "text/html" }));
  const elsewhere = await getSignedUrl(s3, new GetObjectCommand({ Bucket: "others", Key: "page" }));
  const stranger = `X-Amz-Credential=${accessKeyId}X%2F`;
  const foreign = [
    throughApi(elsewhere, api.url),
    link.replace(`X-Amz-Credential=${accessKeyId}%2F`, stranger),
    `${link}&X-Amz-Credential=${accessKeyId}X%2F20260101%2Fus-east-1%2Fs3%2Faws4_request`,
    `${link}&AWSAccessKeyId=other&Signature=x`,
    link.replace("/media/", "/mediax/"),
  ];
  for (const url of foreign) {
    const refused = await fetch(url);
    expect([refused.status, await refused.json()], url).toMatchObject([403, { code: "forbidden" }]);
    isSafe(refused);
  }

  const nowhere = bucketProxy(readConfig({ ...own, S3_ENDPOINT: "http://127.0.0.1:9" }), pino({ level: "silent" }));
  const broken = await startApiGateway({ handler, port: 0, direct: nowhere.serve });
  onTestFinished(() => broken.stop());
  const unreachable = await fetch(throughApi(await presignGet("through"), broken.url));
  expect([unreachable.status, await unreachable.json()]).toMatchObject([503, { code: "unavailable" }]);
});
