import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";
import { until } from "../support/until.ts";

let gate: TestGateway;
beforeAll(async () => {
  gate = await startTestGateway();
}, 120_000);
afterAll(() => gate?.stop());

const owners = [0, 1, 2, 3, 4];
/** Milliseconds for which files are held back after the second download began, in which a third one could begin. */
const heldMs = 1_000;

/** Creates a user with an instance that imports the history. Returns the instance and the user's key. */
async function createOwner(owner: number): Promise<{ id: string; key: string }> {
  const user = await gate.api("POST", "/api/users", { body: { email: `owner-${owner}@example.com` } });
  const key: string = user.body.apiKey;
  const body = { name: "import", history: "recent" };
  const created = await gate.api("POST", "/api/instances", { body, key });
  return { id: created.body.id, key };
}

test("a host downloads at most two files of the history at once when many users link an account", async () => {
  const bob = await gate.wa.addPhone({ number: "4915550700099", pushName: "Bob" });
  let downloads = 0;
  let most = 0;
  const { promise: second, resolve: begin } = Promise.withResolvers<void>();
  gate.wa.media.beforeDownload = async (path) => {
    if (!path.includes("md-msg-hist")) return;
    most = Math.max(most, ++downloads);
    if (downloads === 2) begin();
    await second;
    await sleep(heldMs);
    downloads--;
  };
  await Promise.all(
    owners.map(async (owner) => {
      const text = `history of ${owner}`;
      const history = [{ with: bob.number, messages: [{ text, timestamp: 1_700_000_000 }] }];
      const phone = await gate.wa.addPhone({ number: `491555070000${owner}`, pushName: "Owner", history });
      const { id, key } = await createOwner(owner);
      const qr = await until(async () => {
        const answer = await gate.api("GET", `/api/instances/${id}/qr`, { key });
        return answer.status === 200 ? (answer.body.qrCode as string) : undefined;
      });
      await phone.scanQr(qr);
    }),
  );
  const imported = () => gate.db.sql`select 1 from messages where body like 'history of %'`;
  await until(async () => (await imported()).length === owners.length || undefined, 120_000);
  expect(most).toBe(2);
}, 240_000);
