import { join } from "node:path";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { readConfig } from "../../core/config.ts";
import { prepareDatabase } from "../../functions/migrate/prepare.ts";
import { openDataDir } from "../../local/data/index.ts";
import { type LocalPostgres, startPostgres } from "../../local/postgres/index.ts";
import { restClient } from "../support/gateway/rest-client.ts";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";
import { temporaryFolder } from "../support/process/temporary-folder.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

function connect(url: string) {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  onTestFinished(() => sql.end());
  return sql;
}

const rights = async (url: string) => [
  ...(await connect(url)`
    select rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls,
      has_schema_privilege('public', 'create') as "makesTables", has_database_privilege(current_database(), 'create') as "makesSchemas",
      (select count(*)::int from pg_auth_members where member = pg_roles.oid) as memberships,
      (select count(*)::int from pg_class where relowner = pg_roles.oid) as owned
    from pg_roles where rolname = current_user`),
];
const none = {
  ...{ rolsuper: false, rolcreatedb: false, rolcreaterole: false, rolreplication: false, rolbypassrls: false },
  ...{ makesTables: false, makesSchemas: false, memberships: 0, owned: 0 },
};

describe("the gateway on the embedded Postgres", () => {
  let gate: TestGateway;
  beforeAll(async () => {
    gate = await startTestGateway();
  });
  afterAll(async () => {
    await gate?.stop();
  });

  test("connects as a role without any rights besides reading and writing tables", async () => {
    const url = gate.gateway.env.DATABASE_URL ?? "";
    expect(await rights(url)).toEqual([none]);
    for (const statement of [
      "create table mine (n int)",
      "create schema mine",
      "create database mine",
      "create role mine",
      "alter role switchboard superuser",
      "alter table messages drop column payload",
      "drop trigger message_days_add on messages",
      "truncate messages",
      "set role postgres",
      "copy users to program 'true'",
      "select pg_read_file('postgresql.conf')",
      "select 1 from pg_authid",
      "alter system set fsync = off",
    ])
      await expect(connect(url).unsafe(statement), statement).rejects.toMatchObject({ code: "42501" });
  });

  test("can add to the audit log, but can neither change nor remove an entry, except by retention", async () => {
    const app = connect(gate.gateway.env.DATABASE_URL ?? "");
    const add = (days: number) => app`
      insert into audit_log (at, source, operation, fields, outcome, request_id)
      values (now() - ${days} * interval '1 day', 'api', 'PUT /app-role', '[]', 'done', 'x')`;
    for (const days of [0, 20, 40]) await add(days);
    const refused = [
      "update audit_log set ip = null",
      "delete from audit_log",
      "truncate audit_log",
      "set switchboard.prune_audit = 'on'; delete from audit_log",
    ];
    for (const statement of refused)
      await expect(app.unsafe(statement), statement).rejects.toMatchObject({ code: "42501" });
    // The owner's rights don't suffice either, so that one role for everything makes no mistakes.
    for (const statement of refused.slice(0, 3))
      await expect(gate.db.sql.unsafe(statement), statement).rejects.toMatchObject({ code: "42501" });
    const [pruned] = await app`select prune_audit('infinity', 10) as count`;
    expect(pruned?.count).toBe(1);
    await expect(app`delete from audit_log`).rejects.toMatchObject({ code: "42501" });
    expect(await app`select from audit_log where operation = 'PUT /app-role'`).toHaveLength(2);
  });

  test("passes no other URL to its functions and session host", () => {
    expect(gate.gateway.env.DATABASE_OWNER_URL).toBeUndefined();
    expect(process.env.DATABASE_OWNER_URL).toBeUndefined();
    expect(process.env.DATABASE_URL).toContain("//switchboard:");
  });

  test("sends and receives, also after a restart", async () => {
    const owner = await gate.wa.addPhone({ number: "4915550000010" });
    const bob = await gate.wa.addPhone({ number: "4915550000002" });
    const client = restClient(gate, "multi-instance", await gate.linked(owner));
    await client.reported("delivered", await client.sendText(bob.number, "before"));
    await gate.restart();
    await gate.status(client.instance, "connected");
    await client.reported("delivered", await client.sendText(bob.number, "after"));
    const { id } = await bob.sendText(owner.number, "hello");
    await client.reported("received", id);
    const users = await gate.db.sql`
      select distinct usename from pg_stat_activity
      where datname = current_database() and application_name not in ('test', 'postgres.js')`;
    expect(users.map((row) => row.usename)).toEqual(["switchboard"]);
    expect(gate.gateway.env.DATABASE_URL).toContain("//switchboard:");
  });
});

describe("prepareDatabase", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let server: LocalPostgres;
  let masterKeyFile: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    const dataDir = await openDataDir(join(folder.path, "data"));
    masterKeyFile = dataDir.masterKeyFile;
    dataDir.close();
    server = await startPostgres({ dataDir: join(folder.path, "postgres") });
  });
  afterAll(async () => {
    await server.stop();
    await folder.remove();
  });

  /** Makes a database that belongs to a role, and returns its URL for that role. */
  async function databaseOf(role: string, attributes: string): Promise<string> {
    await connect(server.url).unsafe(`create role ${role} login ${attributes} password 'of-owner'`);
    const url = new URL(await server.createDatabase(`of_${role}`));
    await connect(server.url).unsafe(`alter database of_${role} owner to ${role}`);
    [url.username, url.password] = [role, "of-owner"];
    return url.href;
  }
  function as(role: string, password: string, url: string): string {
    const changed = new URL(url);
    [changed.username, changed.password] = [role, password];
    return changed.href;
  }
  const prepare = (env: Record<string, string>) =>
    prepareDatabase(readConfig({ MASTER_KEY_FILE: masterKeyFile, SHARDS: "1", ...env }));

  test("creates the role as an owner without superuser rights can, as on Aurora, and follows a new password", async () => {
    const owner = await databaseOf("master", "createdb createrole");
    const first = as("app", 'it\'s "first"', owner);
    const { firstAdmin } = await prepare({ DATABASE_URL: first, DATABASE_OWNER_URL: owner });
    expect(firstAdmin?.apiKey.key).toBeDefined();
    expect(await rights(first)).toEqual([none]);
    const second = as("app", "second", owner);
    await Promise.all([1, 2].map(() => prepare({ DATABASE_URL: second, DATABASE_OWNER_URL: owner })));
    expect(await connect(second)`select count(*)::int as n from users`).toEqual([{ n: 1 }]);
    await expect(connect(first)`select 1`).rejects.toMatchObject({ code: "28P01" });
    // A table of a later version is usable before that version has run its own grants.
    await connect(owner)`create table later (n int)`;
    await connect(second)`insert into later values (1)`;
  });

  test("works with one URL for everything, whose role then owns the tables", async () => {
    const url = await databaseOf("single", "");
    expect((await prepare({ DATABASE_URL: url })).firstAdmin).not.toBeNull();
    expect((await prepare({ DATABASE_URL: url, DATABASE_OWNER_URL: url })).firstAdmin).toBeNull();
    expect(await connect(url)`select count(*)::int as n from users`).toEqual([{ n: 1 }]);
  });

  test("refuses a role that is a superuser or may create roles or databases", async () => {
    const owner = await databaseOf("careful", "createrole");
    for (const right of ["superuser", "createrole", "createdb"]) {
      await connect(server.url).unsafe(`create role with_${right} login ${right} password 'x'`);
      const url = as(`with_${right}`, "x", owner);
      await expect(prepare({ DATABASE_URL: url, DATABASE_OWNER_URL: owner })).rejects.toThrow(
        /must not be a superuser/,
      );
    }
  });

  test("puts no password into a statement, which the server could log", async () => {
    const owner = await databaseOf("logged", "createrole");
    await connect(server.url).unsafe("alter system set log_statement = 'all'");
    await connect(server.url)`select pg_reload_conf()`;
    const url = as("of_log", "seen-nowhere", owner);
    await prepare({ DATABASE_URL: url, DATABASE_OWNER_URL: owner });
    const log = String((await connect(server.url)`select pg_read_file('../postgres.log') as log`)[0]?.log);
    expect(log).toContain("create role");
    expect(log).not.toContain("seen-nowhere");
  });
});
