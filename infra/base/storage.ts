import { key } from "./key.ts";
import { production } from "./stage.ts";

/**
 * Sent and received media, and exports. The cron function deletes expired uploads and exports. The lifecycle rules delete
 * those that the cron function misses, and the parts of unfinished exports.
 */
export const bucket = new sst.aws.Bucket("Media", {
  enforceHttps: true,
  lifecycle: [
    { id: "uploads", prefix: "upload/", expiresIn: "7 days" },
    { id: "exports", prefix: "export/", expiresIn: "14 days" },
  ],
  // Any web page can upload to a presigned URL. The signature protects the bucket.
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
