import { expect } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import type { Delivery } from "../network/webhook-receiver.ts";
import { until } from "../until.ts";
import type { RestClient } from "./rest-client.ts";
import type { TestGateway } from "./test-gateway.ts";

/** The instance as the Gateway API shows it. */
export const details = async (gate: TestGateway, id: string) =>
  (await gate.api("GET", `/api/instance/${id}/status`)).body.data;

/** How many rows there are that hold credentials, Signal keys or plaintexts of it. */
export async function secrets(gate: TestGateway, id: string): Promise<number> {
  const [row] = await gate.db.sql`
    select (select count(*) from session_keys where instance_id = ${id})
      + (select count(*) from session_inbox where instance_id = ${id}) as n`;
  return Number(row?.n);
}

/** Its events in order; of changes of the status, which. */
export async function typesOfEvents(gate: TestGateway, id: string): Promise<string[]> {
  const rows = await gate.db.sql`
    select type, data->>'status' as status from events where instance_id = ${id} order by seq`;
  return rows.map((row) => (row.status ? `${row.type} ${row.status}` : String(row.type)));
}

/** What its events about a message say, in order. */
export async function eventsAbout(gate: TestGateway, id: string, messageId: string, type?: string) {
  const rows = await gate.db.sql<{ type: string; data: Record<string, unknown> }[]>`
    select type, data from events
    where instance_id = ${id} and data->>'messageId' = ${messageId} order by seq`;
  return rows.filter((row) => !type || row.type === type).map((row) => row.data);
}

/** What the webhooks of either dialect told of the ends of its connections. */
export function closings(gate: TestGateway, id: string): { reason: string; willReconnect: boolean }[] {
  return gate.receiver.deliveries
    .filter(({ body }) => body.data.instanceId === id && /^connection[._]close/.test(body.event))
    .map(({ body }) => ({ reason: body.data.reason, willReconnect: body.data.willReconnect }));
}

/** The webhook that told of its connection for the `count`th time. */
export const opened = (gate: TestGateway, id: string, count = 1): Promise<Delivery> =>
  until(async () => {
    const told = gate.receiver.deliveries.filter(
      ({ body }) => body.data.instanceId === id && /^connection[._]open/.test(body.event),
    );
    return told[count - 1];
  });

/** One text each way, to prove that the link works. */
export async function exchange(client: RestClient, between: { owner: Phone; peer: Phone }, text: string) {
  const { owner, peer } = between;
  const id = await client.sendText(peer.number, `${text} out`);
  expect(await peer.waitFor((message) => message.id === id)).toMatchObject({ from: owner.jid, copies: 1 });
  await client.told("received", (await peer.sendText(owner.number, `${text} in`)).id);
}
