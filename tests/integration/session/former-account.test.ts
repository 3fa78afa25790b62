import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { exchange } from "../../support/gateway/instance-state.ts";
import { phoneSeries } from "../../support/gateway/linked-gateway.ts";
import { dialects, restClient } from "../../support/gateway/rest-client.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { png } from "../../support/media/png.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let bob: Phone;

beforeAll(async () => {
  gate = await startTestGateway();
  bob = await gate.wa.addPhone({ number: "4915550200002", pushName: "Bob" });
});
afterAll(() => gate?.stop());

const newPhone = phoneSeries(() => gate.wa, "49155502010");

/** Links a phone to an instance whose last phone was unlinked. */
async function relink(instance: string, former: Phone, next: Phone) {
  former.unlink(gate.wa.device(former.number));
  await gate.status(instance, "logged_out");
  await gate.api("POST", `/api/instances/${instance}/reconnect`);
  await next.scanQr(await gate.qr(instance));
  await gate.status(instance, "connected");
}

describe.each(dialects)("in the %s dialect", (dialect) => {
  /** Everything that the API shows of Bob's secret text and picture, by place. */
  async function shown(instance: string, messageId: string, fileUrl: string) {
    const get = (path: string) => gate.api("GET", path);
    const [messages, gatewayMessages, chats, media, events, gatewayEvents, file] = await Promise.all([
      get(`/api/instances/${instance}/chats/${bob.number}/messages`),
      get(`/api/message/chat/${instance}/${bob.number}`),
      get(`/api/message/chats/${instance}`),
      get(`/api/instances/${instance}/messages/${messageId}/media`),
      get(`/api/instances/${instance}/events?limit=500`),
      get(`/api/events/${instance}?limit=500`),
      fetch(fileUrl),
    ]);
    return {
      messages: messages.body.messages.length,
      gatewayMessages: gatewayMessages.body.data.length,
      chats: chats.body.data.length,
      media: media.status,
      file: file.status,
      inEvents: [events, gatewayEvents].some(({ body }) => JSON.stringify(body).includes("a secret of the owner")),
    };
  }

  async function linkedWithSecret() {
    const owner = await newPhone();
    const client = restClient(gate, dialect, await gate.linked(owner, dialect));
    await bob.sendText(owner.number, "a secret of the owner");
    const { id } = await bob.sendImage(owner.number, png(), { caption: "a secret of the owner" });
    const { media } = (await client.reported("received", id)).body.data;
    await until(async () => (await fetch(media.url)).ok || undefined);
    await until(async () => {
      const { status } = await gate.api("GET", `/api/instances/${client.instance}/messages/${id}/media`);
      return status === 200 || undefined;
    });
    return { owner, client, id, fileUrl: media.url as string };
  }

  const everything = { messages: 2, gatewayMessages: 2, chats: 1, media: 200, file: 200, inEvents: true };

  test("shows nothing of the former account after another number is linked", async () => {
    const { owner, client, id, fileUrl } = await linkedWithSecret();
    expect(await shown(client.instance, id, fileUrl)).toEqual(everything);
    const next = await newPhone();
    await relink(client.instance, owner, next);
    expect(await shown(client.instance, id, fileUrl)).toEqual({
      messages: 0,
      gatewayMessages: 0,
      chats: 0,
      media: 404,
      file: 404,
      inEvents: false,
    });
    const { body } = await gate.api("GET", `/api/instances/${client.instance}/activity?actions=former_account_removed`);
    expect(body.logs).toMatchObject([{ details: { messages: 2 } }]);
    const [usage] = await gate.db.sql`select bytes from media_sizes where instance_id = ${client.instance}`;
    expect(Number(usage?.bytes ?? 0)).toBe(0);
    await exchange(client, { owner: next, peer: bob }, "of the next account");
  });

  test("keeps everything if the same number is linked again", async () => {
    const { owner, client, id, fileUrl } = await linkedWithSecret();
    await relink(client.instance, owner, owner);
    expect(await shown(client.instance, id, fileUrl)).toEqual(everything);
  });
});

test("WhatsApp and the phones report no error", () => {
  expectNoComplaints(gate.wa);
});
