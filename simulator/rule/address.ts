import { baileys, defineRule, issue, whatsmeow } from "./define.ts";

/** A source file of whatsapp-rust, as of August 2026. */
const whatsappRust = (file: string, text: string) => ({
  name: `whatsapp-rust, ${file}`,
  url: `https://github.com/oxidezap/whatsapp-rust/blob/1489b7da9a6a7e3cadc4337ee46399da7de25915/${file}`,
  text,
});

const table = "tests/integration/message/addressing.test.ts >";

/** By which JID stanzas name people. */
export const addressRules = [
  defineRule({
    name: "migrated_account_uses_lid",
    claim:
      "WhatsApp refuses a message to one person with 463 if the account is moved to LIDs and the stanza names the phone number.",
    sources: [
      issue("WhiskeySockets/Baileys", 2683),
      issue("rmyndharis/OpenWA", 717),
      whatsmeow("send.go", "Replacing SendMessage destination with LID"),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/message/addressing.test.ts > the simulator refuses a message of a moved account to a number with 463",
      `${table} a message that WhatsApp refuses because of its address arrives once at the other one, and the account keeps it: %s`,
    ],
    enforced: true,
    relaxable: true,
    witness: false,
  }),
  defineRule({
    name: "unmigrated_account_uses_number",
    claim:
      "WhatsApp refuses a message to one person with 400 if the account is not moved to LIDs and the stanza names the LID.",
    sources: [issue("oxidezap/whatsapp-rust", 941), issue("oxidezap/whatsapp-rust", 943)],
    checked: "2026-11",
    tests: [
      "tests/simulator/message/addressing.test.ts > the simulator refuses a message of an account that is not moved to a LID with 400",
      `${table} a message that WhatsApp refuses because of its address arrives once at the other one, and the account keeps it: %s`,
    ],
    enforced: true,
    relaxable: true,
    witness: false,
  }),
  defineRule({
    name: "one_kind_of_address_per_message",
    claim: "WhatsApp refuses a message to one person with 400 if its chat and its devices are of different kinds.",
    sources: [issue("oxidezap/whatsapp-rust", 730)],
    checked: "2026-11",
    tests: [
      "tests/simulator/message/addressing.test.ts > the simulator refuses a message that mixes numbers and LIDs with 400",
    ],
    enforced: true,
    relaxable: true,
    witness: false,
  }),
  defineRule({
    name: "link_names_migration",
    claim:
      "While a device is linked, the phone says in `client-props` of `pair-success` whether its account is moved to LIDs.",
    sources: [
      whatsappRust("src/pair.rs", "is_chat_db_lid_migrated"),
      whatsappRust("src/client/lid_pn.rs", "is_lid_migrated"),
    ],
    checked: "2026-11",
    tests: [`${table} an account that is not moved to LIDs says so when it is linked, and gets no refusal`],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "props_name_migration",
    claim: "WhatsApp's setting 9435 (`lid_one_on_one_migration_enabled`) is true for an account that is moved to LIDs.",
    sources: [
      whatsappRust("wacore/src/iq/abprops.rs", "LID_ONE_ON_ONE_MIGRATION_ENABLED"),
      issue("oxidezap/whatsapp-rust", 943),
    ],
    checked: "2026-11",
    tests: [`${table} an account that WhatsApp moves to LIDs after the link uses LIDs from the next login on`],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "no_devices_for_numbers",
    claim:
      "For an account that is moved to LIDs, WhatsApp returns no devices for the phone number of another person. It returns the LID.",
    sources: [issue("WhiskeySockets/Baileys", 2794), issue("oxidezap/whatsapp-rust", 568)],
    checked: "2026-11",
    tests: [
      "tests/simulator/message/addressing.test.ts > the simulator returns devices for a LID, and only the LID for a number",
      "tests/integration/broadcast/status-posts.test.ts > a status post reaches people whom the caller names by number, and names those who have no LID",
    ],
    enforced: true,
    relaxable: true,
    witness: false,
  }),
  defineRule({
    name: "hosted_device",
    claim:
      "A business whose provider sends for it has the device 99, whose JIDs end with `@hosted` or `@hosted.lid`. Device lists mark it as hosted.",
    sources: [
      whatsmeow("message.go", "types.HostedLIDServer"),
      whatsmeow("user.go", "is_hosted"),
      baileys("Signal/libsignal.js", "Unexpected non-hosted device JID with device 99"),
    ],
    checked: "2026-11",
    tests: [
      "tests/integration/message/addressing.test.ts > messages from a hosted device belong to the chat with the person, and answers reach the person",
    ],
    enforced: true,
    witness: false,
  }),
];
