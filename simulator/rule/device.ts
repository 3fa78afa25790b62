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
      "If a message goes to other devices than it should, WhatsApp's acknowledgement contains the hash of the right list (`phash`). The sender then sends the message to the missing devices, with the same id.",
    sources: [
      whatsmeow("send.go", "expectedPHash"),
      { name: "WhatsApp Web, WAWebSendUserMsgJob and WAWebResendGroupMsg", url: "https://web.whatsapp.com" },
      issue("tulir/whatsmeow", 1190),
    ],
    checked: "2026-11",
    tests: [
      `${messages} > a device that was linked unnoticed gets the message after WhatsApp's acknowledgement`,
      `${messages} > a device that was unlinked unnoticed is left out after WhatsApp's acknowledgement`,
      "tests/unit/session-host/participant-hash.test.ts > the hash of no devices is the one in WhatsApp's dictionary of tokens",
    ],
    enforced: true,
    relaxable: true,
    witness: false,
  }),
  defineRule({
    name: "no_keys_of_device",
    claim: "WhatsApp answers a look-up of keys for each device. For a device that does not exist, the answer is 404.",
    sources: [whatsmeow("send.go", "fetchPreKeysNoError"), baileys("Utils/signal.js", "parseAndInjectE2ESessions")],
    checked: "2026-11",
    tests: [
      `${messages} > a device that is unlinked before its keys are known does not keep the message from the others`,
    ],
    enforced: true,
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
      "When a device is linked or unlinked, WhatsApp notifies the devices that looked the device list up (`devices`), and sends the whole list to the account's own devices (`account_sync`).",
    sources: [
      baileys("Socket/messages-recv.js", "handleDevicesNotification"),
      whatsmeow("notification.go", "handleDeviceNotification"),
      whatsmeow("notification.go", "handleOwnDevicesNotification"),
    ],
    checked: "2026-11",
    tests: [
      `${messages} > a new device of the account gets copies of the messages that the instance sends`,
      `${messages} > a linked device gets messages from the moment it is linked until it is unlinked`,
    ],
    enforced: true,
    witness: false,
  }),
];
