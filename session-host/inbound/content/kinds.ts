import {
  parseButtons,
  parseHighlyStructured,
  parseInteractive,
  parseList,
  parseTemplate,
} from "./business/business.ts";
import {
  parseButtonsResponse,
  parseInteractiveResponse,
  parseListResponse,
  parseTemplateReply,
} from "./business/choice.ts";
import * as commerce from "./business/commerce.ts";
import { parseProtocol } from "./notice/protocol.ts";
import * as status from "./notice/status.ts";
import { parseBroadcastCall, parseCallLog, parseScheduledCall, parseScheduledCallEdit } from "./occasion/call.ts";
import { ignored } from "./parse.ts";
import { parseAdminInvite, parseFollowerInvite, parseGroupInvite } from "./person/invite.ts";
import { parseRichResponse } from "./text/bot.ts";
import { parseComment, parseSealedComment } from "./text/comment.ts";
import * as misc from "./text/misc.ts";

/** The fields of `proto.Message` with content of businesses, bots, calls, payments and invitations, and the notices. */
export const furtherFields = {
  listMessage: parseList,
  buttonsMessage: parseButtons,
  templateMessage: parseTemplate,
  highlyStructuredMessage: parseHighlyStructured,
  interactiveMessage: parseInteractive,
  listResponseMessage: parseListResponse,
  buttonsResponseMessage: parseButtonsResponse,
  templateButtonReplyMessage: parseTemplateReply,
  interactiveResponseMessage: parseInteractiveResponse,
  orderMessage: commerce.parseOrder,
  productMessage: commerce.parseProduct,
  invoiceMessage: commerce.parseInvoice,
  sendPaymentMessage: commerce.parseSendPayment,
  requestPaymentMessage: commerce.parseRequestPayment,
  declinePaymentRequestMessage: commerce.parseDeclinePayment,
  cancelPaymentRequestMessage: commerce.parseCancelPayment,
  paymentInviteMessage: commerce.parsePaymentInvite,
  groupInviteMessage: parseGroupInvite,
  newsletterAdminInviteMessage: parseAdminInvite,
  newsletterFollowerInviteMessageV2: parseFollowerInvite,
  albumMessage: misc.parseAlbum,
  placeholderMessage: misc.parsePlaceholder,
  requestPhoneNumberMessage: misc.parsePhoneNumberRequest,
  messageHistoryNotice: misc.parseHistoryNotice,
  messageHistoryBundle: misc.parseHistoryNotice,
  pollResultSnapshotMessage: misc.parsePollResult,
  pollResultSnapshotMessageV3: misc.parsePollResult,
  stickerPackMessage: misc.parseStickerPack,
  callLogMesssage: parseCallLog,
  scheduledCallCreationMessage: parseScheduledCall,
  scheduledCallEditMessage: parseScheduledCallEdit,
  bcallMessage: parseBroadcastCall,
  commentMessage: parseComment,
  encCommentMessage: parseSealedComment,
  richResponseMessage: parseRichResponse,
  statusNotificationMessage: status.parseStatusNotification,
  statusQuotedMessage: status.parseStatusQuoted,
  statusStickerInteractionMessage: status.parseStatusSticker,
  statusQuestionAnswerMessage: status.parseStatusAnswer,
  questionResponseMessage: status.parseChannelAnswer,
  protocolMessage: parseProtocol,
  call: ignored("the key of a call (waha#840); calls have their own events"),
  chat: ignored("a name for a chat; no app or open client sends or shows it"),
  stickerSyncRmrMessage: ignored("between devices of one account: asks for the files of stickers"),
} as const;
