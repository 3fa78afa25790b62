import { z } from "zod";
import type { Device } from "../../model/account.ts";
import { deviceOf } from "../base/lookup.ts";
import { ControlError, type Route, route } from "../base/route.ts";
import * as schema from "../base/schema.ts";
import { deviceView } from "../base/view.ts";

/** Linked devices and their faults. */
export const deviceRoutes: Route[] = [
  route({
    method: "get",
    path: "/devices",
    summary: "List all linked devices, with their sockets and queues",
    answer: z.array(schema.DeviceView),
    run: ({ wa }) => wa.devices.map(deviceView),
  }),
  route({
    method: "get",
    path: "/devices/{number}/{device}/queue",
    summary: "List the stanzas that the server keeps for a device until it acknowledges them",
    answer: schema.Queue,
    run: (request) => ({ kept: [...deviceOf(request).kept].map(({ tag, attrs }) => ({ tag, attrs })) }),
  }),
  route({
    method: "post",
    path: "/devices/{number}/{device}/faults",
    summary: "Schedule faults of a device",
    body: schema.DeviceFaults,
    run: (request) => addFaults(deviceOf(request), request.body),
  }),
  route({
    method: "delete",
    path: "/devices/{number}/{device}/faults",
    summary: "Remove the faults that have not happened yet",
    run: (request) => deviceOf(request).faults.clear(),
  }),
];

function addFaults({ faults }: Device, wanted: z.output<typeof schema.DeviceFaults>): void {
  const { ack, unacknowledged, cut, login, iq, silence, slow, corruptIn, corruptOut } = wanted;
  if (slow !== undefined) faults.slow(slow);
  if (ack) faults.ack.add(ack.code, ack.times);
  if (unacknowledged) faults.unacknowledged.add(true, unacknowledged);
  if (login) faults.login.add(login.code, login.times);
  if (iq) faults.iq.add(iq.xmlns === undefined ? { code: iq.code } : { code: iq.code, xmlns: iq.xmlns }, iq.times);
  if (corruptOut) faults.corruptOut.add(true, corruptOut);
  if (corruptIn) faults.corruptIn.add(true, corruptIn);
  if ((cut || silence) && !faults.transport) throw new ControlError(409, "the device has no open socket");
  if (silence) void faults.silence(silence.ms, silence.after);
  if (cut) faults.cut();
}
