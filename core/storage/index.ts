import type { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  NoSuchKey,
  NoSuchUpload,
  NotFound,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { type Config, endpointCredentials } from "../config.ts";
import { defined } from "../object.ts";

/** The metadata of an object. */
export interface StoredObject {
  contentType: string;
  /** The `Content-Disposition` header stored with the object. */
  contentDisposition: string | undefined;
  /** Bytes. */
  size: number;
}

/** The headers with which an object is served. See `core/media/served.ts`. */
export interface ServedHeaders {
  contentType: string;
  contentDisposition: string;
}

interface PutOptions {
  contentType: string;
  contentDisposition?: string;
  /** Bytes. Required if the body is a stream. */
  size?: number;
}

/**
 * The bucket in which media is staged, in both directions. Keys are `media/<instance id>/<message id>` and
 * `upload/<instance id>/<upload id>`.
 */
export interface Storage {
  readonly client: S3Client;
  put(key: string, body: Buffer | Readable, options: PutOptions): Promise<void>;
  /** Throws the SDK's `NoSuchKey`. */
  get(key: string): Promise<StoredObject & { body: Readable }>;
  /** Returns undefined if the object does not exist. */
  head(key: string): Promise<StoredObject | undefined>;
  /** Lists all objects whose keys begin with the prefix. */
  list(prefix: string): AsyncIterable<{ key: string; storedAt: Date }>;
  remove(key: string): Promise<void>;
  /** Removes at most 1,000 objects. Keys without an object are ignored. */
  removeMany(keys: readonly string[]): Promise<void>;
  /** Removes all objects whose keys begin with the prefix. */
  removeAll(prefix: string): Promise<void>;
  /**
   * Returns a URL that downloads the object for `seconds`. `headers` replace the stored headers, which senders and
   * uploaders chose.
   */
  presign(key: string, seconds: number, headers: ServedHeaders): Promise<string>;
  /**
   * Returns a URL that accepts a PUT of the object for `seconds`. The request must have exactly this size and the returned
   * headers.
   */
  presignPut(
    key: string,
    seconds: number,
    object: PutOptions & { size: number },
  ): Promise<{ url: string; headers: Record<string, string> }>;
  /** Begins an object that is stored in parts, and returns the id of its upload. */
  openParts(key: string, headers: ServedHeaders): Promise<string>;
  /**
   * Stores a part, from 1 on, of at least 5 MiB except for the last one. Returns its ETag. A part that is stored again
   * replaces the earlier one.
   */
  putPart(key: string, uploadId: string, number: number, body: Buffer): Promise<string>;
  /** Makes one object of the parts. */
  completeParts(key: string, uploadId: string, parts: readonly { number: number; etag: string }[]): Promise<void>;
  /** Removes the parts. An unknown upload is ignored. */
  abortParts(key: string, uploadId: string): Promise<void>;
  createBucket(): Promise<void>;
}

export const openStorage = (config: Config): Storage => new S3Storage(config);

class S3Storage implements Storage {
  readonly client: S3Client;
  readonly #signer: S3Client;
  readonly #bucket: string;

  constructor(config: Config) {
    const settings = {
      region: config.AWS_REGION,
      ...(config.S3_ENDPOINT && {
        endpoint: config.S3_ENDPOINT,
        forcePathStyle: true,
        credentials: endpointCredentials(config),
      }),
    };
    this.client = new S3Client(settings);
    // By default, the SDK signs the checksum of an empty body. S3 then refuses every other body.
    this.#signer = new S3Client({ ...settings, requestChecksumCalculation: "WHEN_REQUIRED" });
    this.#bucket = config.BUCKET;
  }

  async put(key: string, body: Buffer | Readable, options: PutOptions): Promise<void> {
    await this.client.send(
      new PutObjectCommand({
        ...this.#at(key),
        Body: body,
        ContentType: options.contentType,
        ...defined({ ContentDisposition: options.contentDisposition, ContentLength: options.size }),
      }),
    );
  }

  async get(key: string): Promise<StoredObject & { body: Readable }> {
    const response = await this.client.send(new GetObjectCommand(this.#at(key)));
    return { ...described(response), body: response.Body as Readable };
  }

  async head(key: string): Promise<StoredObject | undefined> {
    try {
      return described(await this.client.send(new HeadObjectCommand(this.#at(key))));
    } catch (error) {
      if (error instanceof NotFound || error instanceof NoSuchKey) return undefined;
      throw error;
    }
  }

  async *list(prefix: string): AsyncIterable<{ key: string; storedAt: Date }> {
    for (let ContinuationToken: string | undefined; ; ) {
      const page: ListObjectsV2CommandOutput = await this.client.send(
        new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix, ContinuationToken }),
      );
      for (const { Key, LastModified } of page.Contents ?? []) {
        if (Key && LastModified) yield { key: Key, storedAt: LastModified };
      }
      ContinuationToken = page.NextContinuationToken;
      if (!ContinuationToken) return;
    }
  }

  async remove(key: string): Promise<void> {
    await this.client.send(new DeleteObjectCommand(this.#at(key)));
  }

  async removeMany(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    const Delete = { Objects: keys.map((Key) => ({ Key })), Quiet: true };
    const { Errors } = await this.client.send(new DeleteObjectsCommand({ Bucket: this.#bucket, Delete }));
    if (Errors?.length) throw new Error(`${Errors.length} objects could not be removed: ${Errors[0]?.Code}`);
  }

  async removeAll(prefix: string): Promise<void> {
    for (;;) {
      const page = await this.client.send(new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix }));
      const Objects = (page.Contents ?? []).flatMap(({ Key }) => (Key ? [{ Key }] : []));
      if (Objects.length === 0) return;
      await this.client.send(new DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects, Quiet: true } }));
    }
  }

  async openParts(key: string, { contentType, contentDisposition }: ServedHeaders): Promise<string> {
    const { UploadId } = await this.client.send(
      new CreateMultipartUploadCommand({
        ...this.#at(key),
        ContentType: contentType,
        ContentDisposition: contentDisposition,
      }),
    );
    if (!UploadId) throw new Error("the bucket returned no upload id");
    return UploadId;
  }

  async putPart(key: string, uploadId: string, number: number, body: Buffer): Promise<string> {
    const { ETag } = await this.client.send(
      new UploadPartCommand({ ...this.#at(key), UploadId: uploadId, PartNumber: number, Body: body }),
    );
    if (!ETag) throw new Error("the bucket returned no ETag");
    return ETag;
  }

  async completeParts(
    key: string,
    uploadId: string,
    parts: readonly { number: number; etag: string }[],
  ): Promise<void> {
    const Parts = parts.map(({ number: PartNumber, etag: ETag }) => ({ PartNumber, ETag }));
    await this.client.send(
      new CompleteMultipartUploadCommand({ ...this.#at(key), UploadId: uploadId, MultipartUpload: { Parts } }),
    );
  }

  async abortParts(key: string, uploadId: string): Promise<void> {
    try {
      await this.client.send(new AbortMultipartUploadCommand({ ...this.#at(key), UploadId: uploadId }));
    } catch (error) {
      if (!(error instanceof NoSuchUpload)) throw error;
    }
  }

  presign(key: string, seconds: number, headers: ServedHeaders) {
    const command = new GetObjectCommand({
      ...this.#at(key),
      ResponseContentType: headers.contentType,
      ResponseContentDisposition: headers.contentDisposition,
    });
    return getSignedUrl(this.client, command, { expiresIn: seconds });
  }

  async presignPut(
    key: string,
    seconds: number,
    { contentType, contentDisposition, size }: PutOptions & { size: number },
  ) {
    const headers = {
      "content-length": String(size),
      "content-type": contentType,
      ...defined({ "content-disposition": contentDisposition }),
    };
    const command = new PutObjectCommand({
      ...this.#at(key),
      ContentLength: size,
      ContentType: contentType,
      ...defined({ ContentDisposition: contentDisposition }),
    });
    const url = await getSignedUrl(this.#signer, command, {
      expiresIn: seconds,
      // S3 refuses a request if its headers differ from the signed headers.
      signableHeaders: new Set(["host", ...Object.keys(headers)]),
    });
    return { url, headers };
  }

  async createBucket(): Promise<void> {
    const bucket = { Bucket: this.#bucket };
    const exists = await this.client.send(new HeadBucketCommand(bucket)).then(
      () => true,
      () => false,
    );
    if (!exists) await this.client.send(new CreateBucketCommand(bucket));
  }

  #at(key: string) {
    return { Bucket: this.#bucket, Key: key };
  }
}

function described(response: {
  ContentType?: string | undefined;
  ContentDisposition?: string | undefined;
  ContentLength?: number | undefined;
}): StoredObject {
  return {
    contentType: response.ContentType ?? "application/octet-stream",
    contentDisposition: response.ContentDisposition,
    size: response.ContentLength ?? 0,
  };
}
