import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/**
 * Makes messages visible again that a killed gateway had received but not finished. On AWS, a poller outlives a failed function
 * and returns its messages soon. Here, the poller ends with the gateway, so its messages would stay invisible and block their
 * FIFO groups until the visibility timeout. A consumer that still runs may get a message twice, which SQS allows. Call this
 * while the folder is locked and its SQS is not running. Source of the table: `persistence.js` of fauxqs 2.4.
 */
export function releaseInFlight(awsFolder: string): void {
  const file = join(awsFolder, "sqs", "fauxqs.db");
  if (!existsSync(file)) return;
  const db = new DatabaseSync(file);
  try {
    const [table] = db.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'sqs_messages'").all();
    if (!table) return;
    db.exec(
      "UPDATE sqs_messages SET receipt_handle = NULL, visibility_deadline = NULL WHERE receipt_handle IS NOT NULL",
    );
  } finally {
    db.close();
  }
}
