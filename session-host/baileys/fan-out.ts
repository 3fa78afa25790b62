import { type BinaryNode, encodeSignedDeviceIdentity, type proto, type WASocket } from "@whiskeysockets/baileys";
import { isGroupJid } from "../../core/message/recipient.ts";
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
  attributes: BinaryNode["attrs"] = {},
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
  const addressing = plan.group ? { addressing_mode: plan.group.addressingMode ?? "lid" } : {};
  await sock.sendNode({
    tag: "message",
    attrs: { id: waId, to: jid, type, device_fanout: "false", ...addressing, ...attributes },
    content,
  });
}
