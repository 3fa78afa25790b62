import { production } from "./stage.ts";

const account = aws.getCallerIdentityOutput().accountId;
const region = aws.getRegionOutput().region;
const partition = aws.getPartitionOutput().partition;

/** Wraps the data keys of the gateway, and encrypts its database, queues, bucket, logs and secrets. */
export const key = new aws.kms.Key(
  "Key",
  {
    description: `${$app.name} ${$app.stage}`,
    enableKeyRotation: true,
    deletionWindowInDays: production ? 30 : 7,
    policy: aws.iam.getPolicyDocumentOutput({
      statements: [
        {
          // Delegates access to the IAM policies of the account. Without this statement, nobody could manage the key anymore.
          sid: "Account",
          actions: ["kms:*"],
          resources: ["*"],
          principals: [{ type: "AWS", identifiers: [$interpolate`arn:${partition}:iam::${account}:root`] }],
        },
        {
          sid: "Logs",
          actions: [
            "kms:Encrypt",
            "kms:Decrypt",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
            "kms:GenerateDataKey",
            "kms:DescribeKey",
          ],
          resources: ["*"],
          principals: [{ type: "Service", identifiers: [$interpolate`logs.${region}.amazonaws.com`] }],
          conditions: [
            {
              test: "ArnLike",
              variable: "kms:EncryptionContext:aws:logs:arn",
              values: [$interpolate`arn:${partition}:logs:${region}:${account}:*`],
            },
          ],
        },
        {
          sid: "Alarms",
          actions: ["kms:Decrypt", "kms:GenerateDataKey"],
          resources: ["*"],
          principals: [{ type: "Service", identifiers: ["cloudwatch.amazonaws.com"] }],
          conditions: [{ test: "StringEquals", variable: "aws:SourceAccount", values: [account] }],
        },
      ],
    }).json,
  },
  // In production, SST keeps the database and the bucket when the stage is removed. They are unreadable without the key.
  { protect: production, retainOnDelete: production },
);

new aws.kms.Alias("KeyAlias", { name: `alias/${$app.name}-${$app.stage}`, targetKeyId: key.keyId });
