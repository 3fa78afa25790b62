import { afterAll, beforeAll } from "vitest";
import { saveContact } from "../../../simulator/phone/owner/contacts.ts";
import { gateway } from "../../support/endpoint/dialect-tables.ts";
import { gatewayDocument } from "../../support/endpoint/documents.ts";
import type { GatewayFixture } from "../../support/endpoint/gateway/case.ts";
import { gatewayCases } from "../../support/endpoint/gateway/index.ts";
import { testEndpoints } from "../../support/endpoint/suite.ts";
import { startTestGateway } from "../../support/gateway/test-gateway.ts";
import { mp4 } from "../../support/media/mp4.ts";
import { oggOpus } from "../../support/media/ogg-opus.ts";
import { png } from "../../support/media/png.ts";
import { startFileServer } from "../../support/network/file-server.ts";
import { until } from "../../support/until.ts";

let fixture: GatewayFixture;

/** Only the first bytes of a JPEG. */
const jpeg = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]);

beforeAll(async () => {
  const gate = await startTestGateway({ env: { OPEN_KEY_GENERATION: "true" } });
  const files = await startFileServer({
    "/image.jpg": { body: png(), type: "image/png" },
    "/preview.jpg": { body: jpeg, type: "image/jpeg" },
    "/profile.jpg": { body: jpeg, type: "image/jpeg" },
    "/document.pdf": { body: Buffer.from("%PDF-1.7\n%âãÏÓ\n"), type: "application/pdf" },
    "/voice.ogg": { body: oggOpus(3), type: "audio/ogg" },
    "/video.mp4": { body: mp4({ video: "avc1", audio: "mp4a" }, { seconds: 7 }), type: "video/mp4" },
  });
  const bob = await gate.wa.addPhone({ number: "6281234567890", pushName: "Bob" });
  const carol = await gate.wa.addPhone({ number: "6289876543210", pushName: "Carol" });
  // With a history, the first synchronization ends at once.
  const history = [{ with: bob.number, messages: [{ text: "long ago", timestamp: 1_700_000_000 }] }];
  const owner = await gate.wa.addPhone({ number: "4915550000001", pushName: "Owner", business: true, history });
  saveContact(owner, carol.number, "Carol");
  const email = "ann@example.com";
  const [connected, unlinked, user] = await Promise.all([
    gate.linked(owner, "gateway"),
    gate.createInstance("gateway"),
    gate.api("POST", "/api/users", { body: { email } }),
  ]);
  const received = (await bob.sendText(owner.number, "Hi!")).id;
  const text = { instanceId: connected, to: bob.jid, message: "Hello!" };
  const sent = (await gate.api("POST", "/api/message/send/text", { body: text })).body.data.messageId as string;
  await until(async () => {
    const [row] = await gate.db.sql`select count(*)::int as n from messages
      where (wa_id = ${sent} and status = 'delivered') or wa_id = ${received}`;
    return row?.n === 2 || undefined;
  });
  // The keys for writing the address book arrive with the address book.
  await until(async () => {
    const told = await gate.api("GET", `/api/contacts/${connected}?phoneNumber=${carol.number}`);
    return told.body.data?.lid || undefined;
  });
  await gate.receiver.waitFor(({ body }) => body.event === "message.delivered");
  await gate.qr(unlinked);
  fixture = {
    ...{ gate, owner, bob, carol, files, connected, unlinked, received, sent },
    group: owner.createGroup("Crew", [bob.number, carol.number]).jid,
    channel: bob.channels.create("News").jid,
    user: { key: user.body.apiKey },
    made: new Map(),
  };
});
afterAll(async () => {
  await fixture.files.stop();
  await fixture.gate.stop();
});

testEndpoints({
  dialect: gateway,
  cases: gatewayCases,
  fixture: () => fixture,
  documented: new Map(
    gatewayDocument.endpoints.flatMap(({ endpoint, response }) => (response ? [[endpoint, response] as const] : [])),
  ),
  // Deletions come after the requests that need what they delete, and stopping the hosts comes last.
  place: ({ method, path }) => (/\/(?:stop|restart)$/.test(path) ? 2 : method === "delete" ? 1 : 0),
  statusField: "status",
});
