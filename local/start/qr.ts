import { setTimeout as sleep } from "node:timers/promises";
import { and, eq, inArray, isNull, or } from "drizzle-orm";
import qrcode from "qrcode";
import { type Config, required } from "../../core/config.ts";
import { openVault } from "../../core/crypto/index.ts";
import { createKeyWrapper } from "../../core/crypto/wrapper.ts";
import { openDatabase } from "../../core/db/index.ts";
import { connectionStatus, type Instance, scannableQr } from "../../core/instance/index.ts";
import { instances } from "../../core/instance/instance.sql.ts";

const pollMs = 1_000;

/**
 * Prints each new QR code, and a line when its instance is connected. Draws the code only in a terminal, because it is a credential
 * that must not be in logs.
 */
export async function showQrCodes(config: Config, out: NodeJS.WriteStream): Promise<{ stop(): Promise<void> }> {
  const db = openDatabase(required(config, "DATABASE_URL"), {
    max: 1,
    name: "terminal",
    pooler: config.DATABASE_POOLER,
  });
  const vault = await openVault(db, await createKeyWrapper(config));
  const stopping = new AbortController();
  /** The ciphertext of the last printed code, by the id of an instance that is not connected yet. */
  const printed = new Map<string, string>();

  const printQr = async (instance: Instance, now: Date): Promise<void> => {
    const sealed = instance.qr?.toString("base64") ?? "";
    if (printed.get(instance.id) === sealed) return;
    const isNew = !printed.has(instance.id);
    printed.set(instance.id, sealed);
    if (out.isTTY) {
      const { qrCode } = scannableQr({ vault }, instance, now);
      const picture = await qrcode.toString(qrCode, { type: "terminal", small: true });
      out.write(`\n${picture}\n  Scan this code to link "${instance.name}" (${instance.id}).\n`);
    } else if (isNew) {
      out.write(`"${instance.name}" has a QR code to scan: GET /api/instances/${instance.id}/qr\n`);
    }
  };

  const printChanges = async (): Promise<void> => {
    const alreadyPrinted = inArray(instances.id, [...printed.keys()]);
    const rows = await db.orm
      .select()
      .from(instances)
      .where(and(isNull(instances.deletedAt), or(eq(instances.status, "qr"), alreadyPrinted)));
    const now = new Date();
    for (const instance of rows) {
      const { ready, hasQr } = connectionStatus(instance, now);
      if (hasQr) await printQr(instance, now);
      else if (ready && printed.delete(instance.id)) {
        out.write(`\n  "${instance.name}" (${instance.id}) is connected as +${instance.phoneNumber}.\n`);
      }
    }
    for (const id of printed.keys()) if (!rows.some((row) => row.id === id)) printed.delete(id);
  };

  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      // The database may be down for a while, so the loop continues.
      await printChanges().catch((error: Error) => out.write(`  Cannot read QR codes: ${error.message}\n`));
      // Rejects only if `stop` is called.
      await sleep(pollMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const running = loop();
  return {
    async stop() {
      stopping.abort();
      await running;
      await db.close();
    },
  };
}
