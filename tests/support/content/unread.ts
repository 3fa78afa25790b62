/**
 * Fields of `proto.Message` and its parts that no parser of `session-host/inbound/content` reads, by the reason. `*.name`
 * is a field of that name in any part. The stored protobuf of a message has them all.
 */
export const unreadFields: Readonly<Record<string, readonly string[]>> = {
  "read by `session-host/inbound/context`": ["*.contextInfo", "*.viewOnce"],
  "for the download of the file, which uses `directPath`, `mediaKey` and `fileSha256`": [
    ...["*.url", "*.fileEncSha256", "*.mediaKeyTimestamp", "*.mediaKeyDomain", "*.streamingSidecar", "*.staticUrl"],
    ...["*.firstFrameLength", "*.firstFrameSidecar", "*.attachmentFileEncSha256", "*.attachmentMediaKeyTimestamp"],
    ...["Message.ImageMessage.firstScanSidecar", "Message.ImageMessage.firstScanLength"],
    ...["Message.ImageMessage.scansSidecar", "Message.ImageMessage.scanLengths"],
    ...["Message.ImageMessage.midQualityFileSha256", "Message.ImageMessage.midQualityFileEncSha256"],
    ...["Message.VideoMessage.metadataUrl", "Message.VideoMessage.processedVideos"],
  ],
  "for the download of a larger thumbnail; the small one is read": [
    ...["*.thumbnailDirectPath", "*.thumbnailSha256", "*.thumbnailEncSha256", "*.thumbnailHeight", "*.thumbnailWidth"],
    ...["Message.ExtendedTextMessage.mediaKey", "Message.ExtendedTextMessage.faviconMMSMetadata"],
  ],
  "the file of the pack or bundle is for the app; the gateway doesn't store it": [
    ...["Message.StickerPackMessage.fileSha256", "Message.StickerPackMessage.mediaKey"],
    ...["Message.StickerPackMessage.directPath", "Message.StickerPackMessage.imageDataHash"],
    ...["Message.StickerPackMessage.trayIconFileName", "Message.StickerPackMessage.Sticker.accessibilityLabel"],
    ...["Message.MessageHistoryBundle.mimetype", "Message.MessageHistoryBundle.fileSha256"],
    ...["Message.MessageHistoryBundle.mediaKey", "Message.MessageHistoryBundle.directPath"],
  ],
  "the picture of a header or product, which is stored as the file of the message": [
    ...["Message.InteractiveMessage.Header.jpegThumbnail", "Message.ListMessage.ProductListInfo.headerImage"],
    ...["Message.InvoiceMessage.attachmentJpegThumbnail", "Message.ProductMessage.ProductSnapshot.firstImageId"],
  ],
  "how the app shows it: colors, fonts, sizes, order": [
    ...["*.textArgb", "*.backgroundArgb", "*.font", "*.background", "*.index", "*.alignment"],
    ...["Message.ExtendedTextMessage.previewType", "Message.ExtendedTextMessage.doNotPlayInline"],
    ...["Message.ExtendedTextMessage.videoHeight", "Message.ExtendedTextMessage.videoWidth"],
    ...["HydratedTemplateButton.HydratedURLButton.webviewPresentation", "*.hasMediaAttachment"],
    ...["Message.InteractiveMessage.CarouselMessage.carouselCardType", "Message.OrderMessage.surface"],
    ...[
      "Message.InteractiveResponseMessage.Body.format",
      "AIRichResponseTableMetadata.AIRichResponseTableRow.isHeading",
    ],
    ...["AIRichResponseCodeMetadata.AIRichResponseCodeBlock.highlightType"],
  ],
  "parts of an image or video that the app draws over it, such as stickers with a place or a song": [
    ...["*.annotations", "*.interactiveAnnotations", "Message.ExtendedTextMessage.musicMetadata"],
  ],
  "more of the linked page: its video, its cards, its payment; the preview has its title, text and thumbnail": [
    ...["Message.ExtendedTextMessage.linkPreviewMetadata", "Message.ExtendedTextMessage.endCardTiles"],
    ...["Message.ExtendedTextMessage.videoContentUrl", "Message.ExtendedTextMessage.paymentLinkMetadata"],
    ...["Message.ExtendedTextMessage.paymentExtendedMetadata", "Message.ExtendedTextMessage.inviteLinkGroupType"],
    ...["Message.ExtendedTextMessage.inviteLinkParentGroupSubjectV2"],
    ...["Message.ExtendedTextMessage.inviteLinkParentGroupThumbnailV2"],
    ...["Message.ExtendedTextMessage.inviteLinkGroupTypeV2"],
  ],
  "statistics, experiments and versions of WhatsApp": [
    ...["*.messageVersion", "*.version", "*.experimentGroupId", "*.urlTrackingMap", "*.catalogType"],
    ...[
      "HydratedTemplateButton.HydratedURLButton.consentedUsersUrl",
      "Message.ProductMessage.ProductSnapshot.signedUrl",
    ],
    ...["Message.ImageMessage.qrUrl", "Message.VideoMessage.gifAttribution", "Message.StickerMessage.stickerSentTs"],
    ...["Message.VideoMessage.externalShareFullVideoDurationInSeconds"],
    ...["Message.VideoMessage.motionPhotoPresentationOffsetMs", "LimitSharing.trigger"],
    ...["LimitSharing.limitSharingSettingTimestamp", "LimitSharing.initiatedByMe", "MemberLabel.labelTimestamp"],
    ...["Message.ProtocolMessage.ephemeralSettingTimestamp", "Message.ProtocolMessage.disappearingMode"],
    ...["Message.CloudAPIThreadControlNotification.senderNotificationTimestampMs"],
    ...["Message.CloudAPIThreadControlNotification.shouldSuppressNotification"],
    ...["Message.CloudAPIThreadControlNotification.CloudAPIThreadControlNotificationContent.extraJson"],
  ],
  "says which of the other fields has the content, or repeats it": [
    ...["*.listType", "*.messageType", "Message.ButtonsMessage.Button.type", "Message.ButtonsResponseMessage.type"],
    ...["Message.ScheduledCallEditMessage.editType", "Message.StatusQuotedMessage.type"],
    ...["Message.StatusStickerInteractionMessage.type", "Message.PollCreationMessage.Option.optionHash"],
    ...["Message.DocumentMessage.contactVcard", "Message.CloudAPIThreadControlNotification.consumerLid"],
    ...["Message.CloudAPIThreadControlNotification.consumerPhoneNumber"],
  ],
  "for a template that the app builds from its own texts; the built text and the parameters are read": [
    ...["Message.HighlyStructuredMessage.namespace", "Message.HighlyStructuredMessage.fallbackLg"],
    ...["Message.HighlyStructuredMessage.fallbackLc", "Message.HighlyStructuredMessage.deterministicLg"],
    ...["Message.HighlyStructuredMessage.deterministicLc"],
    ...["Message.HighlyStructuredMessage.HSMLocalizableParameter.currency"],
    ...["Message.HighlyStructuredMessage.HSMLocalizableParameter.dateTime"],
  ],
  "a key or a sealed part, which only the app can use": [
    ...[
      "Message.PollCreationMessage.encKey",
      "Message.EncCommentMessage.encPayload",
      "Message.EncCommentMessage.encIv",
    ],
    ...[
      "Message.BCallMessage.sessionId",
      "Message.BCallMessage.masterKey",
      "Message.SendPaymentMessage.transactionData",
    ],
  ],
  "of the types of protocol messages that are ignored with a reason (`content/protocol.ts`), or read in `session-host/inbound/message`":
    [
      "Message.ProtocolMessage.ephemeralExpiration",
      ...["Message.ProtocolMessage.historySyncNotification", "Message.ProtocolMessage.appStateSyncKeyShare"],
      ...["Message.ProtocolMessage.appStateSyncKeyRequest", "Message.ProtocolMessage.editedMessage"],
      ...["Message.ProtocolMessage.initialSecurityNotificationSettingSync", "Message.ProtocolMessage.timestampMs"],
      ...["Message.ProtocolMessage.appStateFatalExceptionNotification", "Message.ProtocolMessage.invokerJid"],
      ...["Message.ProtocolMessage.peerDataOperationRequestMessage", "Message.ProtocolMessage.botFeedbackMessage"],
      ...["Message.ProtocolMessage.peerDataOperationRequestResponseMessage", "Message.ProtocolMessage.aiPsiMetadata"],
      ...["Message.ProtocolMessage.requestWelcomeMessageMetadata", "Message.ProtocolMessage.mediaNotifyMessage"],
      ...["Message.ProtocolMessage.lidMigrationMappingSyncMessage", "Message.ProtocolMessage.aiQueryFanout"],
    ],
  "the frame of a map or animation in the answer of a bot; its text and URL are read": [
    ...["AIRichResponseDynamicMetadata.type", "AIRichResponseDynamicMetadata.loopCount"],
    ...["AIRichResponseMapMetadata.centerLatitude", "AIRichResponseMapMetadata.centerLongitude"],
    ...["AIRichResponseMapMetadata.latitudeDelta", "AIRichResponseMapMetadata.longitudeDelta"],
    ...["AIRichResponseMapMetadata.showInfoList", "AIRichResponseContentItemsMetadata.contentType"],
    ...["AIRichResponseMapMetadata.AIRichResponseMapAnnotation.annotationNumber"],
    ...["AIRichResponseMapMetadata.AIRichResponseMapAnnotation.latitude"],
    ...["AIRichResponseMapMetadata.AIRichResponseMapAnnotation.longitude"],
    ...[
      "AIRichResponseLatexMetadata.AIRichResponseLatexExpression.width",
      "AIRichResponseLatexMetadata.AIRichResponseLatexExpression.height",
      "AIRichResponseLatexMetadata.AIRichResponseLatexExpression.fontHeight",
      "AIRichResponseLatexMetadata.AIRichResponseLatexExpression.imageTopPadding",
      "AIRichResponseLatexMetadata.AIRichResponseLatexExpression.imageLeadingPadding",
    ],
    ...[
      "AIRichResponseLatexMetadata.AIRichResponseLatexExpression.imageBottomPadding",
      "AIRichResponseLatexMetadata.AIRichResponseLatexExpression.imageTrailingPadding",
      "AIRichResponseCodeMetadata.codeLanguage",
    ],
  ],
};
