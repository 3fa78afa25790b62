import { expect } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import type { Delivery } from "../network/webhook-receiver.ts";
import { until } from "../until.ts";
import type { RestClient } from "./rest-client.ts";
import type { TestGateway } from "./test-gateway.ts";

/** Returns the instance from the Gateway API. */
export const details = async (gate: TestGateway, id: string) =>
  (await gate.api("GET", `/api/instance/${id}/status`)).body.data;

/** Returns the number of rows with credentials, Signal keys or plaintexts of the instance. */
export async function secrets(gate: TestGateway, id: string): Promise<number> {
  const [row] = await gate.db.sql`
    select (select count(*) from session_keys where instance_id = ${id})
      + (select count(*) from session_inbox where instance_id = ${id}) as n`;
  return Number(row?.n);
}

/** Returns the types of the instance's events in order, each with the new status if the event has one. */
export async function typesOfEvents(gate: TestGateway, id: string): Promise<string[]> {
  const rows = await gate.db.sql`
    select type, data->>'status' as status from events where instance_id = ${id} order by seq`;
  return rows.map((row) => (row.status ? `${row.type} ${row.status}` : String(row.type)));
}

/** Returns the data of the instance's events about a message, in order. */
export async function eventsAbout(gate: TestGateway, id: string, messageId: string, type?: string) {
  const rows = await gate.db.sql<{ type: string; data: Record<string, unknown> }[]>`
    select type, data from events
    where instance_id = ${id} and data->>'messageId' = ${messageId} order by seq`;
  return rows.filter((row) => !type || row.type === type).map((row) => row.data);
}

/** Returns what the instance's webhooks reported about closed connections, in both dialects. */
export function closings(gate: TestGateway, id: string): { reason: string; willReconnect: boolean }[] {
  return gate.receiver.deliveries
    .filter(({ body }) => body.data.instanceId === id && /^connection[._]close/.test(body.event))
    .map(({ body }) => ({ reason: body.data.reason, willReconnect: body.data.willReconnect }));
}

/** Waits for the `count`th webhook about an opened connection. */
export const opened = (gate: TestGateway, id: string, count = 1): Promise<Delivery> =>
  until(async () => {
    const reports = gate.receiver.deliveries.filter(
      ({ body }) => body.data.instanceId === id && /^connection[._]open/.test(body.event),
    );
    return reports[count - 1];
  });

/** Sends one text each way, which proves that the connection works. */
export async function exchange(client: RestClient, between: { owner: Phone; peer: Phone }, text: string) {
  const { owner, peer } = between;
  const id = await client.sendText(peer.number, `${text} out`);
  expect(await peer.waitFor((message) => message.id === id)).toMatchObject({ from: owner.jid, copies: 1 });
  await client.reported("received", (await peer.sendText(owner.number, `${text} in`)).id);
}
