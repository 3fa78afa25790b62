import { type BinaryNode, encodeSignedDeviceIdentity, type proto, type WASocket } from "@whiskeysockets/baileys";
import { isGroupJid, isLidJid } from "../../../core/message/recipient.ts";
import { isPerson } from "../address/jids.ts";
import { stanzaAttributes } from "./resend.ts";
import { type SendPlan, withPlan } from "./send-plan.ts";

/**
 * Sends a message to devices that were not in the list when it was sent first, with the same id. Each device gets its
 * own ciphertext, in a group too. Source: `createFanoutMsgStanza` in WhatsApp Web's module
 * WAWebSendMsgCreateFanoutStanza, with `isResendingMsg`.
 */
export async function sendToDevices(
  sock: WASocket,
  { waId, jid, message }: { waId: string; jid: string; message: proto.IMessage },
  { plan, devices }: { plan: SendPlan; devices: readonly string[] },
  { attributes, nodes: extra = [] }: { attributes?: BinaryNode["attrs"]; nodes?: BinaryNode[] | undefined } = {},
): Promise<void> {
  const { type, enc } = stanzaAttributes(message);
  const copy: proto.IMessage = { deviceSentMessage: { destinationJid: jid, message } };
  if (message.messageContextInfo) copy.messageContextInfo = message.messageContextInfo;
  const { nodes, shouldIncludeDeviceIdentity } = await withPlan(plan, () =>
    sock.createParticipantNodes([...devices], message, enc, copy),
  );
  const content: BinaryNode[] = [{ tag: "participants", attrs: {}, content: nodes }];
  if (isGroupJid(jid)) content.push({ tag: "enc", attrs: { v: "2", type: "skmsg" } });
  const { account } = sock.authState.creds;
  if (shouldIncludeDeviceIdentity && account)
    content.push({ tag: "device-identity", attrs: {}, content: encodeSignedDeviceIdentity(account, true) });
  content.push(...(await privacyToken(sock, jid)), ...extra);
  const addressing = plan.group ? { addressing_mode: plan.group.addressingMode ?? "lid" } : {};
  await sock.sendNode({
    tag: "message",
    attrs: { id: waId, to: jid, type, device_fanout: "false", ...addressing, ...attributes },
    content,
  });
}

/** WhatsApp changes the tokens each week, and accepts those of four weeks. Source: Baileys' Utils/tc-token-utils.js. */
const tokenWeekSeconds = 604_800;
const tokenWeeks = 4;

/**
 * Returns the node with the privacy token of a direct chat, as in the first stanza. Source: Baileys' `relayMessage`
 * (7.0.0-rc14, Socket/messages-send.js), which keeps the tokens by LID.
 */
async function privacyToken(sock: WASocket, jid: string): Promise<BinaryNode[]> {
  if (!isPerson(jid) || !sock.serverProps.privacyTokenOn1to1) return [];
  const owner = isLidJid(jid) ? jid : ((await sock.signalRepository.lidMapping.getLIDForPN(jid)) ?? jid);
  const { [owner]: stored } = await sock.authState.keys.get("tctoken", [owner]);
  const week = (seconds: number) => Math.floor(seconds / tokenWeekSeconds);
  const isValid = week(Number(stored?.timestamp ?? 0)) > week(Date.now() / 1000) - tokenWeeks;
  return stored?.token.length && isValid ? [{ tag: "tctoken", attrs: {}, content: stored.token }] : [];
}
