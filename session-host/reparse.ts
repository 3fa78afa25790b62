import { readConfig, required } from "../core/config.ts";
import { openDatabase } from "../core/db/index.ts";
import { createLogger } from "../core/log.ts";
import { reparseSlice } from "./inbound/content/reparse.ts";

/** `npm run reparse -- <id>` continues after a message. Each line of progress has the id of its last message. */
const config = readConfig();
const log = createLogger("reparse", config.LOG_LEVEL);
const db = openDatabase(required(config, "DATABASE_URL"), { max: 1, name: "reparse", pooler: config.DATABASE_POOLER });
try {
  let total = 0;
  for (let after = process.argv[2]; ; ) {
    const { read, last } = await reparseSlice(db, after);
    if (last === undefined) break;
    after = last;
    total += read;
    log.info({ total, last }, "messages read again");
  }
  log.info({ total }, "all messages are read by this version");
} finally {
  await db.close();
}
