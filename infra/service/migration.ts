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

/**
 * Runs the migrations in a deployment that changes the migrations, the number of shards or the role of the functions and
 * hosts, before functions and hosts are updated.
 */
export const migration = new aws.lambda.Invocation("Migration", {
  functionName: migrate.name,
  input: "{}",
  triggers: { migrations: hashOf(folder), shards: functionEnvironment.SHARDS, role },
});

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
