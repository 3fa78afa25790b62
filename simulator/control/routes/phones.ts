import { z } from "zod";
import type { Phone, PhoneOptions } from "../../phone/phone.ts";
import type { PlaceholderMode } from "../../phone/placeholders.ts";
import { phoneOf } from "../base/lookup.ts";
import { present } from "../base/present.ts";
import { ControlError, type Route, route } from "../base/route.ts";
import * as schema from "../base/schema.ts";
import { phoneView } from "../base/view.ts";

/** Adding, showing and changing phones. */
export const phoneRoutes: Route[] = [
  route({
    method: "post",
    path: "/phones",
    summary: "Add a phone",
    body: schema.NewPhone,
    answer: schema.PhoneView,
    run: async ({ wa, body }) => {
      if (wa.phone(body.number)) throw new ControlError(409, `the phone ${body.number} already exists`);
      return phoneView(await wa.addPhone(present(body) as PhoneOptions));
    },
  }),
  route({
    method: "get",
    path: "/phones",
    summary: "List phones",
    answer: z.array(schema.PhoneView),
    run: ({ wa }) => wa.phones.map(phoneView),
  }),
  route({
    method: "get",
    path: "/phones/{number}",
    summary: "Get a phone",
    answer: schema.PhoneView,
    run: (request) => phoneView(phoneOf(request)),
  }),
  route({
    method: "patch",
    path: "/phones/{number}",
    summary: "Rename a phone, take it offline or online, or change its settings",
    body: schema.PhoneChange,
    answer: schema.PhoneView,
    run: async (request) => {
      const phone = phoneOf(request);
      const { pushName, autoRead, addressing, lidMigrated, mediaRetry, online } = request.body;
      if (pushName !== undefined) phone.setPushName(pushName);
      if (autoRead !== undefined) phone.autoRead = autoRead;
      if (addressing !== undefined) phone.addressing = addressing;
      if (lidMigrated !== undefined) phone.account.lidMigrated = lidMigrated;
      await answerPlaceholders(phone, request.body.placeholders);
      if (mediaRetry !== undefined) phone.mediaRetry = mediaRetry;
      if (online === true) phone.goOnline();
      if (online === false) phone.goOffline();
      return phoneView(phone);
    },
  }),
];

/** Sets how a phone answers requests for messages, and answers those that it has kept. */
async function answerPlaceholders(phone: Phone, mode: PlaceholderMode | undefined): Promise<void> {
  if (mode === "hold") phone.placeholders.mode = mode;
  else if (mode !== undefined) await phone.placeholders.release(mode);
}
