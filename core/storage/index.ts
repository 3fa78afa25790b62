import type { Readable } from "node:stream";
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  NoSuchKey,
  NotFound,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { type Config, endpointCredentials } from "../config.ts";

/** What is known of an object without reading it. */
export interface StoredObject {
  contentType: string;
  /** The header that it was stored with. */
  contentDisposition: string | undefined;
  /** Bytes. */
  size: number;
}

/**
 * The bucket in which media is staged, both ways. Keys are `media/<instance id>/<message id>` and
 * `upload/<instance id>/<upload id>`.
 */
export interface Storage {
  readonly client: S3Client;
  /** `size` in bytes must be known when `body` is a stream. */
  put(
    key: string,
    body: Buffer | Readable,
    options: { contentType: string; contentDisposition?: string; size?: number },
  ): Promise<void>;
  /** Throws `NoSuchKey` of the SDK. */
  get(key: string): Promise<StoredObject & { body: Readable }>;
  /** Undefined when there is no such object. */
  head(key: string): Promise<StoredObject | undefined>;
  /** Every object whose key begins so. */
  list(prefix: string): AsyncIterable<{ key: string; storedAt: Date }>;
  remove(key: string): Promise<void>;
  /** Removes every object whose key begins so. */
  removeAll(prefix: string): Promise<void>;
  /** A URL that downloads the object, for `seconds`, with these headers in place of the stored ones. */
  presign(key: string, seconds: number, headers?: { contentType: string; contentDisposition: string }): Promise<string>;
  /** A URL that takes the object by PUT, for `seconds`, in exactly this size and only with the headers that are answered. */
  presignPut(
    key: string,
    seconds: number,
    object: { contentType: string; contentDisposition?: string; size: number },
  ): Promise<{ url: string; headers: Record<string, string> }>;
  createBucket(): Promise<void>;
}

export function openStorage(config: Config): Storage {
  const Bucket = config.BUCKET;
  const settings = {
    region: config.AWS_REGION,
    ...(config.S3_ENDPOINT
      ? {
          endpoint: config.S3_ENDPOINT,
          forcePathStyle: true,
          credentials: endpointCredentials(config),
        }
      : {}),
  };
  const client = new S3Client(settings);
  // Otherwise the SDK signs the checksum of the body that it does not have, and S3 refuses every other.
  const signer = new S3Client({ ...settings, requestChecksumCalculation: "WHEN_REQUIRED" });
  return {
    client,
    async put(key, body, options) {
      await client.send(
        new PutObjectCommand({
          Bucket,
          Key: key,
          Body: body,
          ContentType: options.contentType,
          ...(options.contentDisposition === undefined ? {} : { ContentDisposition: options.contentDisposition }),
          ...(options.size === undefined ? {} : { ContentLength: options.size }),
        }),
      );
    },
    async get(key) {
      const answer = await client.send(new GetObjectCommand({ Bucket, Key: key }));
      return { ...described(answer), body: answer.Body as Readable };
    },
    async head(key) {
      try {
        return described(await client.send(new HeadObjectCommand({ Bucket, Key: key })));
      } catch (error) {
        if (error instanceof NotFound || error instanceof NoSuchKey) return undefined;
        throw error;
      }
    },
    async *list(prefix) {
      for (let ContinuationToken: string | undefined; ; ) {
        const page: ListObjectsV2CommandOutput = await client.send(
          new ListObjectsV2Command({ Bucket, Prefix: prefix, ContinuationToken }),
        );
        for (const { Key, LastModified } of page.Contents ?? []) {
          if (Key && LastModified) yield { key: Key, storedAt: LastModified };
        }
        ContinuationToken = page.NextContinuationToken;
        if (!ContinuationToken) return;
      }
    },
    async remove(key) {
      await client.send(new DeleteObjectCommand({ Bucket, Key: key }));
    },
    async removeAll(prefix) {
      for (;;) {
        const page = await client.send(new ListObjectsV2Command({ Bucket, Prefix: prefix }));
        const Objects = (page.Contents ?? []).flatMap(({ Key }) => (Key ? [{ Key }] : []));
        if (Objects.length === 0) return;
        await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
      }
    },
    presign: (key, seconds, headers) =>
      getSignedUrl(
        client,
        new GetObjectCommand({
          Bucket,
          Key: key,
          ...(headers && {
            ResponseContentType: headers.contentType,
            ResponseContentDisposition: headers.contentDisposition,
          }),
        }),
        { expiresIn: seconds },
      ),
    async presignPut(key, seconds, { contentType, contentDisposition, size }) {
      const headers = {
        "content-length": String(size),
        "content-type": contentType,
        ...(contentDisposition === undefined ? {} : { "content-disposition": contentDisposition }),
      };
      const command = new PutObjectCommand({
        Bucket,
        Key: key,
        ContentLength: size,
        ContentType: contentType,
        ...(contentDisposition === undefined ? {} : { ContentDisposition: contentDisposition }),
      });
      const url = await getSignedUrl(signer, command, {
        expiresIn: seconds,
        // Signed, so that S3 refuses any others.
        signableHeaders: new Set(["host", ...Object.keys(headers)]),
      });
      return { url, headers };
    },
    async createBucket() {
      const exists = await client.send(new HeadBucketCommand({ Bucket })).then(
        () => true,
        () => false,
      );
      if (!exists) await client.send(new CreateBucketCommand({ Bucket }));
    },
  };
}

function described(answer: {
  ContentType?: string | undefined;
  ContentDisposition?: string | undefined;
  ContentLength?: number | undefined;
}): StoredObject {
  return {
    contentType: answer.ContentType ?? "application/octet-stream",
    contentDisposition: answer.ContentDisposition,
    size: answer.ContentLength ?? 0,
  };
}
