import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/**
 * Gives back what a killed gateway had received from its queues and not finished. Amazon's pollers outlive the function
 * that they call and bring such a message again soon; here the poller dies with everything else, and the messages, with
 * the FIFO groups behind them, would stay invisible for the minutes of the queue's visibility timeout. A consumer that is
 * alive all the same sees a message twice, which SQS allows.
 * To be called while the folder is locked and its SQS (fauxqs 2.4, `persistence.js`) does not run.
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
