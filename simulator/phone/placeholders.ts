import type { Endpoint } from "../model/account.ts";
import { proto } from "../wire/baileys.ts";
import { isViewOnce } from "../wire/content.ts";
import { hasParticipants } from "../wire/jid.ts";
import type { PhoneBase } from "./base.ts";
import type { Sender } from "./sender.ts";

/**
 * What a phone does with requests for messages that its companions got without content: answers, refuses (the answer has
 * no message), or keeps the requests until `release`.
 */
export const placeholderModes = ["answer", "refuse", "hold"] as const;
export type PlaceholderMode = (typeof placeholderModes)[number];

/** A request of a companion for messages. */
export type PlaceholderRequest = { id: string; device: number; messages: string[] };

const { PLACEHOLDER_MESSAGE_RESEND } = proto.Message.PeerDataOperationRequestType;

/**
 * Answers the requests of a phone's companions for the content of messages. Sources: `sendPeerDataOperationMessage` in
 * Baileys' Socket/messages-send.ts for the request, and the case PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE in Baileys'
 * Utils/process-message.ts for the answer. That a phone does not hand out view-once messages follows from the types for
 * which WhatsApp Web does not ask (`handleMessage` in Baileys' Socket/messages-recv.ts).
 */
export class Placeholders {
  readonly #phone: PhoneBase;
  readonly #sender: Sender;
  /** The requests so far, oldest first. */
  readonly requests: PlaceholderRequest[] = [];
  mode: PlaceholderMode = "answer";
  #held: (() => Promise<void>)[] = [];

  constructor(phone: PhoneBase, sender: Sender) {
    this.#phone = phone;
    this.#sender = sender;
  }

  /** Handles a peer message of a companion. `id` is the id of its stanza. */
  async receive(id: string, message: proto.IMessage, device: Endpoint): Promise<void> {
    const request = message.protocolMessage?.peerDataOperationRequestMessage;
    if (request?.peerDataOperationRequestType !== PLACEHOLDER_MESSAGE_RESEND) return;
    const keys = (request.placeholderMessageResendRequest ?? []).flatMap(({ messageKey }) => messageKey ?? []);
    this.requests.push({ id, device: device.id, messages: keys.map((key) => key.id ?? "") });
    const answer = () => this.#answer(id, keys, device);
    if (this.mode === "hold") this.#held.push(answer);
    else await answer();
  }

  /** Answers the requests that were kept. */
  async release(mode: "answer" | "refuse" = "answer"): Promise<void> {
    this.mode = mode;
    for (const answer of this.#held.splice(0)) await answer();
  }

  async #answer(stanzaId: string, keys: readonly proto.IMessageKey[], device: Endpoint): Promise<void> {
    const results = keys.map((key) => {
      const info = this.mode === "refuse" ? undefined : this.#find(key);
      return info ? { placeholderMessageResendResponse: { webMessageInfoBytes: encode(info) } } : {};
    });
    await this.#sender.sendToCompanion(device, {
      protocolMessage: {
        type: proto.Message.ProtocolMessage.Type.PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE,
        peerDataOperationRequestResponseMessage: {
          peerDataOperationRequestType: PLACEHOLDER_MESSAGE_RESEND,
          stanzaId,
          peerDataOperationResult: results,
        },
      },
    });
  }

  /** Returns the message with this key, unless it is a view-once message. */
  #find(key: proto.IMessageKey): proto.IWebMessageInfo | undefined {
    const { inbox, sent, world, number } = this.#phone;
    const { id = "", remoteJid = "", participant, fromMe } = key;
    const pnOf = (jid: string) => world.accountOf(jid)?.pnJid ?? jid;
    if (fromMe) {
      const own = sent.get(id ?? "");
      return own && { key, message: own.message, messageTimestamp: Number(world.seconds), pushName: number };
    }
    const chat = hasParticipants(remoteJid ?? "") ? (remoteJid ?? "") : pnOf(remoteJid ?? "");
    const found = inbox.find(chat, pnOf(participant ?? remoteJid ?? ""), id ?? "");
    if (!found || isViewOnce(found.message)) return undefined;
    return { key, message: found.message, messageTimestamp: found.timestamp, pushName: found.pushName ?? null };
  }
}

const encode = (info: proto.IWebMessageInfo) => proto.WebMessageInfo.encode(info).finish();
