import { baileys, defineRule, issue, whatsmeow } from "./define.ts";

const messages = "tests/integration/group/messages.test.ts";

/** Devices, their keys, and the members of groups. */
export const deviceRules = [
  defineRule({
    name: "group_addressing_mode",
    claim:
      "WhatsApp refuses a message to a group with 421 if the message names the members by number and the group by LID, or the other way around.",
    sources: [
      issue("WhiskeySockets/Baileys", 1807),
      {
        name: "WhatsApp Web, WAWebSendGroupSkmsgJob",
        url: "https://web.whatsapp.com",
        text: "StaleGroupAddressingMode",
      },
    ],
    checked: "2026-11",
    tests: [
      `${messages} > a group that changed its addressing unnoticed gets the message on the second try, with the same id`,
    ],
    enforced: true,
    relaxable: true,
    witness: false,
  }),
  defineRule({
    name: "participant_hash",
    claim:
      "If a message does not reach all devices that it should, WhatsApp's acknowledgement contains the hash of the right list (`phash`). The sender then sends the message to the missing devices, with the same id.",
    sources: [
      whatsmeow("send.go", "expectedPHash"),
      { name: "WhatsApp Web, WAWebSendUserMsgJob and WAWebResendGroupMsg", url: "https://web.whatsapp.com" },
      issue("tulir/whatsmeow", 1190),
    ],
    checked: "2026-11",
    tests: [`${messages} > a device that was linked unnoticed gets the message after WhatsApp's acknowledgement`],
    enforced: true,
    relaxable: true,
    witness: false,
  }),
  defineRule({
    name: "group_change_notification",
    claim:
      "WhatsApp notifies each member's devices of changes of a group. A device that was away gets the notification with the attribute `offline`.",
    sources: [
      baileys("Socket/messages-recv.js", "handleGroupNotification"),
      whatsmeow("group.go", "updateGroupParticipantCache"),
    ],
    checked: "2026-11",
    tests: [`${messages} > messages go to the members of the moment, and WhatsApp is asked for the group once`],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "identity_notification",
    claim:
      "When somebody reinstalls WhatsApp, WhatsApp notifies the devices of the contacts (`encrypt` with `identity`). The new phone has no sessions and no sender keys.",
    sources: [
      baileys("Utils/identity-change-handler.js", "handleIdentityChange"),
      whatsmeow("notification.go", "handleEncryptNotification"),
      issue("WhiskeySockets/Baileys", 2704),
    ],
    checked: "2026-11",
    tests: [`${messages} > a member who reinstalled WhatsApp reads the next message at once`],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "device_list_notification",
    claim:
      "WhatsApp notifies the devices that looked a device list up when a device is linked or unlinked (`devices`), and the account's own devices.",
    sources: [
      baileys("Socket/messages-recv.js", "handleDevicesNotification"),
      whatsmeow("notification.go", "handleDeviceNotification"),
    ],
    checked: "2026-11",
    tests: [`${messages} > a linked device gets messages from the moment it is linked until it is unlinked`],
    enforced: true,
    witness: false,
  }),
];
