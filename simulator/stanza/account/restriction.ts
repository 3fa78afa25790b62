import type { Account, Device } from "../../model/account.ts";
import type { NewChatCap, TimeLock } from "../../model/limit/restriction.ts";
import type { World } from "../../model/world.ts";
import { LID_SERVER, PN_SERVER, parseJid } from "../../wire/jid.ts";
import { type BinaryNode, node } from "../../wire/node.ts";
import { deliverToAccount } from "../deliver.ts";
import type { Rejection } from "../errors.ts";

// What WhatsApp restricts. Sources: `handleReachoutTimelockNotification` and `handleBadAck` in Baileys'
// Socket/messages-recv.js, `fetchAccountReachoutTimelock` and `fetchNewChatMessageCap` in Socket/socket.js,
// `NotifyAccountReachoutTimelock` in whatsmeow's types/events/events.go.

const secondsOf = (ms: number) => String(Math.ceil(ms / 1000));

const lockFields = (lock: TimeLock | undefined) => ({
  is_active: lock !== undefined,
  time_enforcement_ends: lock ? secondsOf(lock.until) : "0",
  enforcement_type: lock?.type ?? "DEFAULT",
});

const capFields = (cap: NewChatCap | undefined) =>
  cap && {
    total_quota: cap.quota,
    used_quota: cap.used,
    cycle_end_timestamp: secondsOf(cap.until),
    capping_status: cap.used >= cap.quota ? "CAPPED" : "NONE",
  };

/** Answers the query for the time-lock of an account. */
export const timeLockOf = ({ world, account }: { world: World; account: Account }) =>
  lockFields(account.restrictions.lockAt(world.clock()));

/** Answers the query for the cap of an account. Null if it has none. */
export const capOf = ({ world, account }: { world: World; account: Account }) =>
  capFields(account.restrictions.capAt(world.clock())) ?? null;

/** Starts, changes or ends the time-lock of an account. `silently`: without a notification. */
export function setTimeLock(world: World, account: Account, lock: TimeLock | undefined, silently = false): void {
  account.restrictions.timeLock = lock;
  if (silently) return;
  const data = { xwa2_notify_account_reachout_timelock: lockFields(lock) };
  notify(world, account, "NotificationUserReachoutTimelockUpdate", data);
}

/** Sets or removes the cap of an account, and notifies its devices. */
export function setNewChatCap(world: World, account: Account, cap: NewChatCap | undefined): void {
  account.restrictions.newChatCap = cap;
  if (cap) notifyCap(world, account, cap);
}

/** Returns why the server refuses a message from a linked device, if a restriction of its account forbids it. */
export function restrictionOf(world: World, device: Device, stanza: BinaryNode): Rejection | undefined {
  const { account } = device;
  const { restrictions } = account;
  const now = world.clock();
  if (stanza.attrs.category === "peer") return undefined;
  if (!restrictions.admits(now)) return { code: 429, reason: "the account sends too many messages" };
  const { user, server, device: deviceId } = parseJid(stanza.attrs.to ?? "@");
  // A message to one device is a copy of a message that the server has accepted.
  const isPerson = [PN_SERVER, LID_SERVER].includes(server) && deviceId === 0;
  const recipient = isPerson ? world.account(user, server) : undefined;
  if (!recipient || recipient === account || restrictions.writers.has(recipient.lid)) return undefined;
  if (restrictions.lockAt(now)) return { code: 463, reason: "the account may not write to new chats" };
  const cap = restrictions.capAt(now);
  if (!cap) return undefined;
  if (cap.used >= cap.quota) return { code: 463, reason: "the account has used its messages to new chats" };
  cap.used++;
  if (cap.used >= cap.quota) notifyCap(world, account, cap);
  return undefined;
}

function notifyCap(world: World, account: Account, cap: NewChatCap): void {
  const data = { xwa2_notify_new_chat_messages_capping_info_update: capFields(cap) };
  notify(world, account, "MessageCappingInfoNotification", data);
}

function notify(world: World, account: Account, operation: string, data: object): void {
  const update = node("update", { op_name: operation }, Buffer.from(JSON.stringify({ data })));
  const attrs = { from: "s.whatsapp.net", type: "mex", id: world.nextId(), t: world.seconds };
  deliverToAccount(account, node("notification", attrs, [update]));
}
