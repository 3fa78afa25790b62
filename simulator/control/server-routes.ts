import { z } from "zod";
import type { Device } from "../model/account.ts";
import type { WhatsApp } from "../server/whatsapp.ts";
import { ControlError, type Route, route } from "./route.ts";
import * as schema from "./schema.ts";
import { deviceView, groupView, versionsView } from "./view.ts";

/** The server: its state, linked devices, and everything that can go wrong. */
export function serverRoutes(wa: WhatsApp): Route[] {
  const device = (params: Record<string, string>): Device => {
    try {
      return wa.device(params.number ?? "", Number(params.device));
    } catch (error) {
      throw new ControlError(404, error instanceof Error ? error.message : String(error));
    }
  };
  return [
    route({
      method: "get",
      path: "/state",
      summary: "Addresses, keys and counts",
      answer: schema.State,
      run: () => ({
        url: wa.url,
        rootKey: wa.rootKey,
        mediaHost: wa.mediaHost,
        mediaCa: wa.mediaCa,
        phones: wa.phones.length,
        devices: wa.devices.length,
        sockets: wa.world.connections.size,
        counts: wa.world.counts,
        media: wa.media.counts,
      }),
    }),
    route({
      method: "get",
      path: "/unknown",
      summary: "Stanzas that the simulator did not know",
      answer: schema.Unknown,
      run: () => ({ unknown: wa.unknown }),
    }),
    route({
      method: "delete",
      path: "/unknown",
      summary: "Forget them",
      run: () => {
        wa.unknown.length = 0;
      },
    }),
    route({
      method: "get",
      path: "/groups",
      summary: "All groups",
      answer: z.array(schema.GroupView),
      run: () => [...wa.world.groups.values()].map(groupView),
    }),
    route({
      method: "get",
      path: "/devices",
      summary: "All linked devices, with their sockets and queues",
      answer: z.array(schema.DeviceView),
      run: () => wa.devices.map(deviceView),
    }),
    route({
      method: "get",
      path: "/devices/{number}/{device}/queue",
      summary: "What is kept for a device until it acknowledges it",
      answer: schema.Queue,
      run: ({ params }) => ({ kept: [...device(params).kept].map(({ tag, attrs }) => ({ tag, attrs })) }),
    }),
    route({
      method: "post",
      path: "/devices/{number}/{device}/faults",
      summary: "Let things go wrong for a device",
      body: schema.DeviceFaults,
      run: ({ params, body }) => {
        const { faults } = device(params);
        if (body.slow !== undefined) faults.slow(body.slow);
        if (body.ack) faults.ack.add(body.ack.code, body.ack.times);
        if (body.login) faults.login.add(body.login.code, body.login.times);
        if (body.iq) {
          const { code, xmlns, times } = body.iq;
          faults.iq.add(xmlns === undefined ? { code } : { code, xmlns }, times);
        }
        if (body.corruptOut) faults.corruptOut.add(true, body.corruptOut);
        if (body.corruptIn) faults.corruptIn.add(true, body.corruptIn);
        if ((body.cut || body.silence) && !faults.transport)
          throw new ControlError(409, "the device has no open socket");
        if (body.silence) void faults.silence(body.silence.ms, body.silence.after);
        if (body.cut) faults.cut();
      },
    }),
    route({
      method: "delete",
      path: "/devices/{number}/{device}/faults",
      summary: "Cancel what has not happened yet",
      run: ({ params }) => device(params).faults.clear(),
    }),
    route({
      method: "get",
      path: "/client-versions",
      summary: "Which client versions are accepted, and which came",
      answer: schema.ClientVersionsView,
      run: () => versionsView(wa.world.versions),
    }),
    route({
      method: "patch",
      path: "/client-versions",
      summary: "Refuse old client versions with 405, or publish another version",
      body: schema.ClientVersionsChange,
      answer: schema.ClientVersionsView,
      run: ({ body: { minimum, published, pageFault } }) => {
        const { versions } = wa.world;
        if (minimum?.login) versions.minimum.login = minimum.login;
        if (minimum?.link) versions.minimum.link = minimum.link;
        if (published) versions.published = published;
        if (pageFault) versions.pageFaults.add(pageFault.answer, pageFault.times);
        return versionsView(versions);
      },
    }),
    route({
      method: "post",
      path: "/media/faults",
      summary: "Let uploads and downloads fail",
      body: schema.MediaFaults,
      run: ({ body: { upload, download } }) => {
        if (upload) wa.media.faults.upload.add(upload.status, upload.times);
        if (download) wa.media.faults.download.add(download.status, download.times);
      },
    }),
    route({
      method: "delete",
      path: "/media/faults",
      summary: "Cancel media faults",
      run: () => {
        wa.media.faults.upload.clear();
        wa.media.faults.download.clear();
      },
    }),
  ];
}
