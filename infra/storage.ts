import { key } from "./key.ts";
import { production } from "./stage.ts";

/** Media on its way, both ways. What was uploaded and never sent is removed by the cron function; this is for what it misses. */
export const bucket = new sst.aws.Bucket("Media", {
  enforceHttps: true,
  lifecycle: [{ id: "uploads", prefix: "upload/", expiresIn: "7 days" }],
  // A page of a customer's may put a file to a presigned URL; the signature is what guards it.
  cors: { allowMethods: ["GET", "PUT"], allowOrigins: ["*"], allowHeaders: ["content-type", "content-disposition"] },
  transform: {
    bucket: (args) => {
      args.forceDestroy = !production;
    },
  },
});

new aws.s3.BucketServerSideEncryptionConfiguration("MediaEncryption", {
  bucket: bucket.name,
  rules: [
    {
      applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: key.arn },
      bucketKeyEnabled: true,
    },
  ],
});

new aws.s3.BucketOwnershipControls("MediaOwnership", {
  bucket: bucket.name,
  rule: { objectOwnership: "BucketOwnerEnforced" },
});
