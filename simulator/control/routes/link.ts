import { phoneOf } from "../base/lookup.ts";
import { type Route, route } from "../base/route.ts";
import * as schema from "../base/schema.ts";
import { deviceView } from "../base/view.ts";

/** Linking and unlinking devices. */
export const linkRoutes: Route[] = [
  route({
    method: "post",
    path: "/phones/{number}/scan",
    summary: "Scan a QR code",
    body: schema.Scan,
    answer: schema.DeviceView,
    run: async (asked) => deviceView(await phoneOf(asked).scanQr(asked.body.qr)),
  }),
  route({
    method: "post",
    path: "/phones/{number}/link",
    summary: "Enter a linking code",
    body: schema.LinkCode,
    answer: schema.DeviceView,
    run: async (asked) => {
      const { code, timeoutMs } = asked.body;
      return deviceView(await phoneOf(asked).linkWithCode(code, { timeoutMs }));
    },
  }),
  route({
    method: "delete",
    path: "/phones/{number}/devices/{device}",
    summary: "Unlink a device: its socket gets 401",
    run: (asked) => phoneOf(asked).unlink(Number(asked.params.device)),
  }),
];
