import { key } from "./key.ts";
import { vpc } from "./network.ts";
import { production, sizes } from "./stage.ts";

export const database = new sst.aws.Aurora("Database", {
  engine: "postgres",
  version: "17.5",
  scaling: sizes.database,
  replicas: sizes.databaseReaders,
  vpc,
  transform: {
    cluster: (args) => {
      args.storageEncrypted = true;
      args.kmsKeyId = key.arn;
      args.deletionProtection = production;
      args.backupRetentionPeriod = production ? 14 : 1;
      args.skipFinalSnapshot = !production;
      if (production) args.finalSnapshotIdentifier = `${$app.name}-${$app.stage}-final`;
      args.enabledCloudwatchLogsExports = ["postgresql"];
    },
    instance: (args) => {
      args.performanceInsightsEnabled = true;
      args.performanceInsightsKmsKeyId = key.arn;
    },
  },
});

/** The password has only letters and digits, so it needs no escaping. `NODE_EXTRA_CA_CERTS` has the CA for `verify-full`. */
export const databaseUrl = $util.secret(
  $interpolate`postgresql://${database.username}:${database.password}@${database.host}:${database.port}/${database.database}?sslmode=verify-full`,
);

/** `databaseUrl` as a secret. ECS passes it to the session host at its start. */
export const databaseSecret = new aws.secretsmanager.Secret("DatabaseUrl", {
  kmsKeyId: key.arn,
  recoveryWindowInDays: production ? 7 : 0,
});
export const databaseSecretVersion = new aws.secretsmanager.SecretVersion("DatabaseUrlVersion", {
  secretId: databaseSecret.id,
  secretString: databaseUrl,
});
