import { type Route, route } from "../base/route.ts";
import * as schema from "../base/schema.ts";
import { versionsView } from "../base/view.ts";

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
    method: "delete",
    path: "/media/faults",
    summary: "Remove the media faults that have not happened yet",
    run: ({ wa }) => {
      wa.media.faults.upload.clear();
      wa.media.faults.download.clear();
    },
  }),
];
