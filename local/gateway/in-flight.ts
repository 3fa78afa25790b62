import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/**
 * Makes the messages visible again that a killed gateway had received but not finished. On AWS, the pollers survive a failed
 * function and return its messages soon. Here the poller dies with the gateway, and its messages and their FIFO groups
 * would stay invisible until the visibility timeout. A consumer that is still alive can get a message twice, which SQS
 * allows. Call it while the folder is locked and its SQS (fauxqs 2.4, `persistence.js`) is not running.
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
