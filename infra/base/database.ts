import { createHmac } from "node:crypto";
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

/** The role of the functions and session hosts. `Migrate` creates it. It can only read and write tables. */
const appRole = "switchboard";

/**
 * The password of `appRole`. It is derived from the password of the owner, so that it needs no resource of its own, and
 * doesn't reveal the owner's.
 */
const appPassword = $util
  .output(database.password)
  .apply((password) => createHmac("sha256", password).update(appRole).digest("hex"));

/** The passwords have only letters and digits, so they need no escaping. `NODE_EXTRA_CA_CERTS` has the CA for `verify-full`. */
const urlOf = (role: $util.Input<string>, password: $util.Input<string>) =>
  $util.secret(
    $interpolate`postgresql://${role}:${password}@${database.host}:${database.port}/${database.database}?sslmode=verify-full`,
  );

export const databaseUrl = urlOf(appRole, appPassword);
/** For `Migrate` only: the user that owns the tables. */
export const databaseOwnerUrl = urlOf(database.username, database.password);

/** `databaseUrl` as a secret. ECS passes it to the session host at its start. */
export const databaseSecret = new aws.secretsmanager.Secret("DatabaseUrl", {
  kmsKeyId: key.arn,
  recoveryWindowInDays: production ? 7 : 0,
});
export const databaseSecretVersion = new aws.secretsmanager.SecretVersion("DatabaseUrlVersion", {
  secretId: databaseSecret.id,
  secretString: databaseUrl,
});
