import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { database, databaseOwnerUrl, databaseUrl } from "../base/database.ts";
import { functionEnvironment } from "../base/environment.ts";
import { useKey } from "../base/permission.ts";
import { functionArgs } from "./function.ts";

const folder = "core/db/migrations";

const adminEmail = new sst.Secret("AdminEmail");
const adminPassword = new sst.Secret("AdminPassword");

export const migrate = new sst.aws.Function(
  "Migrate",
  functionArgs({
    handler: "functions/migrate/index.handler",
    description: "Migrates the database and creates the first admin",
    memory: "512 MB",
    timeout: "15 minutes",
    environment: {
      ...functionEnvironment,
      DATABASE_OWNER_URL: databaseOwnerUrl,
      ADMIN_EMAIL: adminEmail.value,
      ADMIN_PASSWORD: adminPassword.value,
    },
    copyFiles: [{ from: folder, to: "functions/migrate/migrations" }],
    permissions: [useKey],
  }),
  { dependsOn: [database] },
);

/** Changes with the role or its password. */
const role = $util.output(databaseUrl).apply((url) => createHash("sha256").update(url).digest("hex"));

export const triggers = { migrations: hashOf(folder), shards: functionEnvironment.SHARDS, role };

/** Each invocation has 15 minutes, and continues where the one before it stopped. */
const invocations = 4;

/**
 * Runs the migrations in a deployment that changes the migrations, the number of shards or the role of the functions and
 * hosts, before functions and hosts are updated. If the last invocation doesn't finish, the deployment fails, and the
 * next one continues.
 */
export const migration = Array.from({ length: invocations }, (_, index) => index).reduce<
  aws.lambda.Invocation | undefined
>((before, index) => {
  const last = index === invocations - 1;
  return new aws.lambda.Invocation(
    last ? "Migration" : `MigrationPart${index + 1}`,
    { functionName: migrate.name, input: JSON.stringify(last ? {} : { partial: true }), triggers },
    { dependsOn: before ? [before] : [] },
  );
}, undefined) as aws.lambda.Invocation;

function hashOf(path: string): string {
  const hash = createHash("sha256");
  const root = join($cli.paths.root, path);
  for (const file of readdirSync(root)
    .filter((name) => name.endsWith(".sql"))
    .sort()) {
    hash.update(file).update(readFileSync(join(root, file)));
  }
  return hash.digest("hex");
}
