import type { Readable } from "node:stream";
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { type Config, endpointCredentials } from "../config.ts";

/** The bucket in which media is staged, both ways. Keys are `media/<instance id>/<message id>` and `upload/<user id>/<id>`. */
export interface Storage {
  readonly client: S3Client;
  /** `size` in bytes must be known when `body` is a stream. */
  put(key: string, body: Buffer | Readable, options: { contentType: string; size?: number }): Promise<void>;
  get(key: string): Promise<{ body: Readable; contentType: string; size: number }>;
  remove(key: string): Promise<void>;
  /** Removes every object whose key begins so. */
  removeAll(prefix: string): Promise<void>;
  /** A URL that downloads the object, for `seconds`. */
  presign(key: string, seconds: number): Promise<string>;
  createBucket(): Promise<void>;
}

export function openStorage(config: Config): Storage {
  const Bucket = config.BUCKET;
  const client = new S3Client({
    region: config.AWS_REGION,
    ...(config.S3_ENDPOINT
      ? {
          endpoint: config.S3_ENDPOINT,
          forcePathStyle: true,
          credentials: endpointCredentials(config),
        }
      : {}),
  });
  return {
    client,
    async put(key, body, options) {
      await client.send(
        new PutObjectCommand({
          Bucket,
          Key: key,
          Body: body,
          ContentType: options.contentType,
          ...(options.size === undefined ? {} : { ContentLength: options.size }),
        }),
      );
    },
    async get(key) {
      const answer = await client.send(new GetObjectCommand({ Bucket, Key: key }));
      return {
        body: answer.Body as Readable,
        contentType: answer.ContentType ?? "application/octet-stream",
        size: answer.ContentLength ?? 0,
      };
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
    presign: (key, seconds) => getSignedUrl(client, new GetObjectCommand({ Bucket, Key: key }), { expiresIn: seconds }),
    async createBucket() {
      const exists = await client.send(new HeadBucketCommand({ Bucket })).then(
        () => true,
        () => false,
      );
      if (!exists) await client.send(new CreateBucketCommand({ Bucket }));
    },
  };
}
