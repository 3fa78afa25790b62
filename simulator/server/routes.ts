import { appState } from "../stanza/account/app-state.ts";
import { businessProfile, catalog, orderDetails } from "../stanza/account/business.ts";
import { picture } from "../stanza/account/picture.ts";
import { receiveChatState, receivePresence } from "../stanza/account/presence.ts";
import { privacy } from "../stanza/account/privacy.ts";
import { blocklist, props, status } from "../stanza/account/profile.ts";
import { usync } from "../stanza/account/usync.ts";
import { receiveCall } from "../stanza/call.ts";
import { newsletter } from "../stanza/channel/newsletter.ts";
import { mex } from "../stanza/channel/queries.ts";
import { unlink } from "../stanza/device/device-list.ts";
import { linkCode } from "../stanza/device/link-code.ts";
import { encrypt } from "../stanza/device/prekeys.ts";
import { groups } from "../stanza/group/queries.ts";
import { type IqHandler, result, type StanzaHandler } from "../stanza/iq.ts";
import { mediaConnection } from "../stanza/media-connection.ts";
import { receiveAck } from "../stanza/message/ack.ts";
import { receiveReceipt } from "../stanza/message/receipt.ts";
import { receiveMessage } from "../stanza/message/receive.ts";
import { child } from "../wire/node.ts";

const acknowledge: IqHandler = (iq) => result(iq);

/** `passive`: with `<active>`, the client requests its stanzas. The answer must precede those stanzas. */
const passive: IqHandler = (iq, { connection }) => {
  connection.send(result(iq));
  if (child(iq, "active")) connection.activate();
  return undefined;
};

const md: IqHandler = (iq, origin) =>
  child(iq, "link_code_companion_reg") ? linkCode(iq, origin) : unlink(iq, origin);

/** Handlers of `iq` stanzas by their namespace (`xmlns`). */
export const iqHandlers: Record<string, IqHandler> = {
  abt: props,
  blocklist,
  encrypt,
  "fb:thrift_iq": orderDetails,
  md,
  newsletter,
  passive,
  privacy,
  status,
  "urn:xmpp:whatsapp:dirty": acknowledge,
  usync,
  "w:biz": businessProfile,
  "w:biz:catalog": catalog,
  "w:g2": groups,
  "w:m": mediaConnection,
  "w:mex": mex,
  "w:p": acknowledge,
  "w:profile:picture": picture,
  "w:stats": acknowledge,
  "w:sync:app:state": appState,
};

/** Handlers of all other stanzas by their tag. */
export const stanzaHandlers: Record<string, StanzaHandler> = {
  ack: receiveAck,
  call: receiveCall,
  chatstate: receiveChatState,
  message: receiveMessage,
  presence: receivePresence,
  receipt: receiveReceipt,
};
