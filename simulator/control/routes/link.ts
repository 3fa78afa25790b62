import type { Failure } from "../../model/limit/standing.ts";
import { phoneOf } from "../base/lookup.ts";
import { present } from "../base/present.ts";
import { type Route, route } from "../base/route.ts";
import * as schema from "../base/schema.ts";
import { deviceView } from "../base/view.ts";

/** Linking and unlinking devices. */
export const linkRoutes: Route[] = [
  route({
    method: "post",
    path: "/phones/{number}/scan",
    summary: "Link a client by scanning its QR code",
    body: schema.Scan,
    answer: schema.DeviceView,
    run: async (request) => deviceView(await phoneOf(request).scanQr(request.body.qr)),
  }),
  route({
    method: "post",
    path: "/phones/{number}/link",
    summary: "Link a client by entering its linking code",
    body: schema.LinkCode,
    answer: schema.DeviceView,
    run: async (request) => {
      const { code, timeoutMs } = request.body;
      return deviceView(await phoneOf(request).linkWithCode(code, { timeoutMs }));
    },
  }),
  route({
    method: "delete",
    path: "/phones/{number}/devices/{device}",
    summary: "Unlink a device. The server closes the device's socket with 401.",
    run: (request) => phoneOf(request).unlink(Number(request.params.device)),
  }),
  route({
    method: "put",
    path: "/phones/{number}/passkey",
    summary: "Demand a passkey before the account links a device",
    run: (request) => {
      phoneOf(request).requirePasskey();
    },
  }),
  route({
    method: "post",
    path: "/phones/{number}/passkey/sign",
    summary: "Sign WhatsApp's request with the passkey of the account, as the owner's browser does",
    body: schema.PasskeyRequest,
    answer: schema.PasskeyAnswer,
    run: (request) => phoneOf(request).requirePasskey().sign(request.body),
  }),
  route({
    method: "post",
    path: "/phones/{number}/failures",
    summary:
      "Refuse logins or linking codes, end the connections of the linked devices with a failure, or ban the account",
    body: schema.LoginFailures,
    run: (request) => {
      const phone = phoneOf(request);
      const { login, now, ban, linkCode } = request.body;
      if (linkCode) phone.account.standing.codeRefusals.add(linkCode.code, linkCode.times);
      if (login) {
        const { times, ...failure } = login;
        phone.account.standing.failures.add(present(failure) as Failure, times);
      }
      if (now) phone.disconnectDevices(present(now) as Failure);
      if (ban) phone.ban(ban);
    },
  }),
];
