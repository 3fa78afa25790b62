import type { z } from "zod";
import type { WhatsApp } from "../../server/whatsapp.ts";
import { present } from "../base/present.ts";
import { ControlError, type Route, route } from "../base/route.ts";
import * as schema from "../base/server-schema.ts";
import { versionsView } from "../base/view.ts";

const hostsView = ({ media }: WhatsApp): z.input<typeof schema.MediaHosts> => ({
  hosts: media.hosts.map(({ hostname, fault }) => ({ hostname, fault: fault ?? null })),
});

/** The server: its state, unknown stanzas, client versions and media faults. */
export const serverRoutes: Route[] = [
  route({
    method: "get",
    path: "/state",
    summary: "Get addresses, keys and counts",
    answer: schema.State,
    run: ({ wa }) => ({
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
    summary: "List the received stanzas that the simulator does not implement",
    answer: schema.Unknown,
    run: ({ wa }) => ({ unknown: wa.unknown }),
  }),
  route({
    method: "delete",
    path: "/unknown",
    summary: "Clear the list of stanzas that the simulator does not implement",
    run: ({ wa }) => {
      wa.unknown.length = 0;
    },
  }),
  route({
    method: "get",
    path: "/client-versions",
    summary: "Get the accepted client versions, and the versions of the clients that connected",
    answer: schema.ClientVersionsView,
    run: ({ wa }) => versionsView(wa.world.versions),
  }),
  route({
    method: "patch",
    path: "/client-versions",
    summary: "Change the oldest accepted client versions, or the published version",
    body: schema.ClientVersionsChange,
    answer: schema.ClientVersionsView,
    run: ({ wa, body: { minimum, published, pageFault } }) => {
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
    summary: "Fail the next uploads and downloads",
    body: schema.MediaFaults,
    run: ({ wa, body: { upload, download } }) => {
      if (upload) wa.media.faults.upload.add(upload.status, upload.times);
      if (download) wa.media.faults.download.add(download.status, download.times);
    },
  }),
  route({
    method: "get",
    path: "/media/hosts",
    summary: "Get the media hosts",
    answer: schema.MediaHosts,
    run: ({ wa }) => hostsView(wa),
  }),
  route({
    method: "patch",
    path: "/media/hosts/{host}",
    summary: "Break or repair a media host: `primary` or `fallback`",
    body: schema.MediaHostChange,
    answer: schema.MediaHosts,
    run: ({ wa, params, body: { fault } }) => {
      const host = { primary: wa.media.hosts[0], fallback: wa.media.hosts[1] }[params.host ?? ""];
      if (!host) throw new ControlError(404, `the media host ${params.host} does not exist`);
      host.fault = fault ?? undefined;
      return hostsView(wa);
    },
  }),
  route({
    method: "delete",
    path: "/media/tokens",
    summary: "Make the upload tokens of all clients invalid",
    run: ({ wa }) => wa.media.revokeTokens(),
  }),
  route({
    method: "get",
    path: "/lookup-limits",
    summary: "Get how many look-ups a device may make",
    answer: schema.LookupLimits,
    run: ({ wa }) => wa.world.lookupLimits,
  }),
  route({
    method: "patch",
    path: "/lookup-limits",
    summary: "Change how many look-ups a device may make",
    body: schema.LookupLimits.partial(),
    answer: schema.LookupLimits,
    run: ({ wa, body }) => Object.assign(wa.world.lookupLimits, present(body)),
  }),
  route({
    method: "delete",
    path: "/media/faults",
    summary: "Remove the media faults that have not happened yet",
    run: ({ wa }) => {
      wa.media.faults.upload.clear();
      wa.media.faults.download.clear();
    },
  }),
];
