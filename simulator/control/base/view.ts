import type { z } from "zod";
import type { Device } from "../../model/account.ts";
import type { Group } from "../../model/group.ts";
import type { ClientVersions } from "../../model/link/client-version.ts";
import type { InboxMessage } from "../../phone/mailbox/inbox.ts";
import type { SentMessage } from "../../phone/mailbox/sent.ts";
import type { Phone } from "../../phone/phone.ts";
import type { DeviceView, GroupView, MessageView, PhoneView, SentView } from "./schema.ts";
import type { ClientVersionsView } from "./server-schema.ts";

export function deviceView(device: Device): z.input<typeof DeviceView> {
  return {
    jid: device.pnJid,
    lid: device.lidJid,
    id: device.id,
    number: device.account.number,
    platform: device.credentials.platform,
    online: device.socket?.active ?? false,
    kept: device.kept.size,
    preKeys: device.preKeys.size,
    sockets: device.sockets,
    counts: device.counts,
  };
}

export function phoneView(phone: Phone): z.input<typeof PhoneView> {
  return {
    number: phone.number,
    jid: phone.jid,
    lid: phone.lidJid,
    pushName: phone.pushName,
    online: phone.online,
    lidMigrated: phone.account.lidMigrated,
    devices: phone.devices.map(deviceView),
    messages: phone.inbox.messages.length,
    duplicates: phone.inbox.duplicates,
    failures: phone.failures,
    placeholderRequests: phone.placeholders.requests,
    errors: phone.errors.map(({ message }) => message),
  };
}

export function messageView({ media, message: _, replyTo: __, ...rest }: InboxMessage): z.input<typeof MessageView> {
  if (!media) return rest;
  const { kind, mimetype, fileName, fileLength, ptt, seconds } = media;
  return { ...rest, media: { kind, mimetype, fileName, fileLength, ptt, seconds } };
}

export function sentView(sent: SentMessage): z.input<typeof SentView> {
  const { id, to, status, error, retries, receipts, text, edited, deleted } = sent;
  const { pinned, kept, reactions, responses } = sent;
  return {
    ...{ id, to, status, error, retries, receipts, text, edited, deleted },
    ...{ pinned, kept, reactions, responses },
  };
}

export function versionsView({ minimum, published, pages, seen }: ClientVersions): z.input<typeof ClientVersionsView> {
  const { login, link } = minimum;
  return {
    minimum: { login: login.join("."), link: link.join(".") },
    published: published.join("."),
    pages,
    seen,
  };
}

export function groupView(group: Group): z.input<typeof GroupView> {
  const members = [...group.members].map(([account, role]) => ({ jid: account.pnJid, lid: account.lidJid, role }));
  const kind = group.community ? "community" : (group.purpose ?? "group");
  const { jid, subject, createdAt, parent } = group;
  const { description, picture, inviteCode, requests } = group;
  return {
    ...{ jid, subject, createdAt, kind, ...(parent && { community: parent.jid }) },
    ...(description && { description: description.text }),
    picture: picture !== undefined,
    inviteCode,
    requests: [...requests.keys()].map((account) => account.pnJid),
    members,
  };
}
