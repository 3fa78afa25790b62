import { proto } from "@whiskeysockets/baileys";
import { maxBytes } from "../../../core/bound.ts";
import { contextLimits, type Referral } from "../../../core/message/context-fields.ts";
import type { Limited } from "./limited.ts";

const { MediaType } = proto.ContextInfo.ExternalAdReplyInfo;
const mediaTypes: Partial<Record<number, "image" | "video">> = {
  [MediaType.IMAGE]: "image",
  [MediaType.VIDEO]: "video",
};

/**
 * Returns where the message comes from: the ad, post or card in `externalAdReply`, and the entry point of the chat.
 * Returns null if the message states none of these. Source of the names: `ContextInfo` in WhatsApp's protobuf. Meta's
 * Cloud API calls the same facts `referral`.
 */
export function referralOf(infos: readonly proto.IContextInfo[], limited: Limited): Referral | null {
  const info = infos.find(isReferral);
  if (!info) return null;
  const ad = info.externalAdReply ?? {};
  const { quotedAd, utm } = info;
  return {
    isAd: isAd(info),
    ctwaClid: limited.text(ad.ctwaClid),
    sourceType: limited.text(ad.sourceType),
    sourceId: limited.text(ad.sourceId),
    sourceUrl: limited.text(ad.sourceUrl, maxBytes.path),
    sourceApp: limited.text(ad.sourceApp),
    title: limited.text(ad.title ?? quotedAd?.advertiserName),
    body: limited.text(ad.body ?? quotedAd?.caption, maxBytes.detail),
    mediaType: mediaTypes[ad.mediaType ?? quotedAd?.mediaType ?? 0] ?? null,
    mediaUrl: limited.text(ad.mediaUrl || ad.originalImageUrl, maxBytes.path),
    thumbnailUrl: limited.text(ad.thumbnailUrl, maxBytes.path),
    thumbnail: limited.bytes(ad.thumbnail ?? quotedAd?.jpegThumbnail),
    ref: limited.text(ad.ref),
    greeting: limited.text(ad.greetingMessageBody, maxBytes.detail),
    entryPointConversionSource: limited.text(info.entryPointConversionSource),
    entryPointConversionApp: limited.text(info.entryPointConversionApp),
    entryPointConversionDelaySeconds: limited.count(info.entryPointConversionDelaySeconds),
    entryPointConversionExternalSource: limited.text(info.entryPointConversionExternalSource),
    entryPointConversionExternalMedium: limited.text(info.entryPointConversionExternalMedium),
    conversionSource: limited.text(info.conversionSource),
    conversionData: limited.bytes(info.conversionData, contextLimits.conversionData),
    conversionDelaySeconds: limited.count(info.conversionDelaySeconds),
    utmSource: limited.text(utm?.utmSource),
    utmCampaign: limited.text(utm?.utmCampaign),
  };
}

function isReferral(info: proto.IContextInfo): boolean {
  const { externalAdReply, quotedAd, utm } = info;
  return Boolean(
    externalAdReply ||
      quotedAd ||
      utm ||
      info.entryPointConversionSource ||
      info.entryPointConversionExternalSource ||
      info.conversionSource ||
      info.conversionData?.length,
  );
}

/** Cards of bots and link previews also use `externalAdReply`, but have none of these marks. */
function isAd({ externalAdReply: ad, quotedAd, entryPointConversionSource, conversionSource }: proto.IContextInfo) {
  const marks = [ad?.ctwaClid, ad?.showAdAttribution, quotedAd, ad?.sourceType === "ad"];
  return marks.some(Boolean) || /(?:^|_)ad$/.test(entryPointConversionSource ?? "") || conversionSource === "FB_Ads";
}
