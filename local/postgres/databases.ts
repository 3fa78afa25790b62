import postgres from "postgres";

/** Returns the name if it needs no escaping in a URL, which clients decode differently. Throws for other names. */
export function plainName(database: string): string {
  if (/^[A-Za-z0-9_-]{1,63}$/.test(database)) return database;
  throw new Error(`A database name must have 1 to 63 letters, digits, "_" or "-": ${JSON.stringify(database)}.`);
}

/** Returns the operations on the databases of a server. */
export function databasesOf(urlOf: (database: string) => string) {
  const withAdmin = async <T>(work: (sql: postgres.Sql) => Promise<T>): Promise<T> => {
    const sql = postgres(urlOf("postgres"), { max: 1, onnotice: () => {} });
    try {
      return await work(sql);
    } finally {
      await sql.end();
    }
  };
  const hasDatabase = async (sql: postgres.Sql, name: string) =>
    (await sql`SELECT 1 FROM pg_database WHERE datname = ${name}`).length > 0;
  /** Runs `work` in one process at a time, because CREATE DATABASE has no IF NOT EXISTS. */
  const exclusively = (work: (sql: postgres.Sql) => Promise<void>) =>
    withAdmin(async (sql) => {
      await sql`SELECT pg_advisory_lock(hashtext('local databases'))`;
      await work(sql);
    });

  return {
    create: (name: string, template?: string) =>
      withAdmin(async (sql) => {
        const url = urlOf(name);
        await sql`CREATE DATABASE ${sql(name)} ${template === undefined ? sql`` : sql`TEMPLATE ${sql(template)}`}`;
        return url;
      }),
    drop: (name: string) =>
      withAdmin(async (sql) => {
        await sql`DROP DATABASE IF EXISTS ${sql(name)} WITH (FORCE)`;
      }),
    ensure: (name: string) =>
      exclusively(async (sql) => {
        if (!(await hasDatabase(sql, name))) await sql`CREATE DATABASE ${sql(name)}`;
      }),
    template: (name: string, prepare: (url: string) => Promise<void>) =>
      exclusively(async (sql) => {
        if (await hasDatabase(sql, name)) return;
        // The database is renamed after the preparation, so that an interrupted preparation leaves no incomplete
        // template.
        const draft = `${name}_draft`;
        await sql`DROP DATABASE IF EXISTS ${sql(draft)} WITH (FORCE)`;
        await sql`CREATE DATABASE ${sql(draft)}`;
        await prepare(urlOf(draft));
        await sql`ALTER DATABASE ${sql(draft)} RENAME TO ${sql(name)}`;
      }),
  };
}
