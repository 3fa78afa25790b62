import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { GatewayProcess } from "../support/gateway/gateway-process.ts";
import { folderOfTest } from "../support/process/temporary-folder.ts";
import { until } from "../support/until.ts";

test("a conversion that was under way at kill -9 is done after the restart", async () => {
  const gate = await GatewayProcess.start();
  onTestFinished(() => gate.stop());
  const { body: instance } = await gate.api("POST", "/api/instances", { name: "test" });
  const upload = await uploadLongSound(gate, instance.id);
  const name = randomUUID();
  const path = `/api/media/${instance.id}/convert/voice`;
  // The connection breaks when the gateway is killed.
  const first = gate.api("POST", path, { filePath: upload }, { "idempotency-key": name }).catch(() => undefined);
  const status = async () => {
    const [row] = await gate.db.sql<
      { status: string }[]
    >`select status from commands where name = 'media.convertVoice'`;
    return row?.status;
  };
  await until(async () => (await status()) === "claimed" || undefined);
  await gate.kill();
  await first;
  expect(await status()).toBe("claimed");
  // The restart may take longer than the command may wait, on a busy machine.
  await gate.db.sql`update commands set deadline = clock_timestamp() + interval '10 minutes'`;
  await gate.restart();
  await until(async () => (await status()) === "done" || undefined, 120_000);
  const repeated = await gate.api("POST", path, { filePath: upload }, { "idempotency-key": name });
  expect(repeated).toMatchObject({ status: 200, body: { data: { mimeType: "audio/ogg; codecs=opus" } } });
}, 240_000);

/** Uploads half an hour of sound, whose conversion takes seconds. Returns the id of the upload. */
async function uploadLongSound(gate: GatewayProcess, instanceId: string): Promise<string> {
  const path = join(await folderOfTest(), "sound.wav");
  const sine = ["-f", "lavfi", "-i", "sine=sample_rate=8000:duration=1800"];
  execFileSync("ffmpeg", ["-nostdin", "-loglevel", "error", "-y", ...sine, path]);
  const bytes = await readFile(path);
  const { body: ticket } = await gate.api("POST", `/api/whatsapp/${instanceId}/uploads`, { size: bytes.length });
  const put = await fetch(ticket.url, { method: "PUT", headers: ticket.headers, body: new Uint8Array(bytes) });
  expect(put.status).toBe(200);
  return ticket.uploadId;
}
