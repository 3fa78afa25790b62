import { baileys, defineRule, file, issue, mautrix, whatsmeow } from "./define.ts";

/** Commit of WhatsApp's own sample of a sticker app. */
const STICKERS = "5cd78a3e45406eed64a03ff0f47224ed2ebc7ee3";

/** Files on the media hosts. */
export const mediaRules = [
  defineRule({
    name: "media_hosts",
    claim:
      "`media_conn` names several hosts, a primary one and fallbacks, and a file can be downloaded from each of them.",
    sources: [
      whatsmeow("download.go", "trying with next host"),
      baileys("Utils/messages-media.js", "hosts[uploadInfo.hosts.length - 1]"),
      issue("oxidezap/whatsapp-rust", 348),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/message/media.test.ts > the simulator has a fallback host with the files of the primary host",
      "tests/integration/media/transfer.test.ts > a file is fetched from the fallback host if the primary host fails: %s",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "media_host_expiry",
    claim: "The hosts in an answer to `media_conn` are valid for `ttl` seconds.",
    sources: [
      whatsmeow("mediaconn.go", "func (mc *MediaConn) Expiry"),
      baileys("Socket/messages-send.js", "media.ttl * 1000"),
    ],
    checked: "2026-11",
    tests: [
      "tests/unit/session-host/media-hosts.test.ts > WhatsApp is asked for its media hosts once, and again after the answer has expired",
    ],
    enforced: false,
    witness: false,
  }),
  defineRule({
    name: "media_host_failure",
    claim: "A media host can fail for a time although it has the file: with a network error, 429 or 5xx.",
    sources: [whatsmeow("download.go", "func shouldRetryMediaDownload")],
    checked: "2026-11",
    tests: [
      "tests/integration/media/transfer.test.ts > a file that no media host delivers waits across a restart, and is tried when a caller requests it",
      "tests/integration/media/transfer.test.ts > a file is tried again when its time has come, and is reported as failed once, after the last try",
    ],
    enforced: false,
    witness: false,
  }),
  defineRule({
    name: "upload_token_expiry",
    claim:
      "The token of `media_conn` expires after `auth_ttl` seconds. An upload with an expired token is refused with 401.",
    sources: [
      whatsmeow("mediaconn.go", "AuthTTL"),
      baileys("Utils/messages-media.js", "refreshMediaConn(true)"),
      issue("oxidezap/whatsapp-rust", 344),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/message/media.test.ts > the simulator refuses an upload with an expired token, and the client uploads with a new token",
    ],
    enforced: true,
    relaxable: true,
    witness: false,
  }),
  defineRule({
    name: "media_path_signature",
    claim: "The path of a file is signed. A host refuses a path without its signature with 403.",
    sources: [issue("WhiskeySockets/Baileys", 1094), issue("lharries/whatsapp-mcp", 273)],
    checked: "2026-11",
    tests: [
      "tests/simulator/message/media.test.ts > the simulator refuses a path without its signature, and an expired path",
    ],
    enforced: true,
    relaxable: true,
    witness: false,
  }),
  defineRule({
    name: "media_path_expiry",
    claim:
      "The path of a file expires after weeks. From then on, hosts refuse it with 404, 410 or 403. The simulator uses 410.",
    sources: [
      issue("tulir/whatsmeow", 607),
      issue("devlikeapro/waha", 2265),
      whatsmeow("download.go", "ErrMediaDownloadFailedWith410"),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/message/media.test.ts > the simulator refuses a path without its signature, and an expired path",
    ],
    enforced: true,
    relaxable: true,
    witness: false,
  }),
  defineRule({
    name: "sticker_limits",
    claim:
      "A sticker is a WebP file of 512 by 512 pixels and at most 100 KiB, or 500 KiB and 10 s if it is animated. The message says whether it is animated.",
    sources: [
      file("WhatsApp/stickers", STICKERS, "iOS/WAStickersThirdParty/Limits.swift", "MaxAnimatedStickerFileSize"),
      issue("WhatsApp/stickers", 742),
      issue("adiwajshing/Baileys", 1194),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/message/media.test.ts > both phones of a chat report a sticker that an app would not show",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "link_picture",
    claim:
      "The large picture of a link's preview is an encrypted JPEG on the media hosts, whose keys are not those of pictures. The message has its size in pixels, and the link as its text spells it.",
    sources: [
      baileys("Utils/link-preview.js", "thumbnail-link"),
      whatsmeow("download.go", "MediaLinkThumbnail"),
      mautrix("pkg/msgconv/urlpreview.go", "dest.ThumbnailDirectPath"),
    ],
    checked: "2026-11",
    tests: [
      "tests/integration/message/gateway-send.test.ts > a text has a preview of its link with a large picture: %s, in the %s dialect",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "view_once_content",
    claim:
      "A picture, video or voice note can be view-once: it is in a wrapper, and says so itself. Apps open its file once. WhatsApp's own linked devices don't offer it.",
    sources: [
      baileys("Utils/messages.js", "viewOnceMessageV2Extension"),
      whatsmeow("types/events/events.go", "IsViewOnceV2Extension"),
      issue("devlikeapro/waha", 2204),
      issue("tomer8007/whatsapp-web-incognito", 106),
    ],
    checked: "2026-11",
    tests: [
      "tests/integration/media/conversion.test.ts > a view-once message can be opened once, and not be forwarded: %s",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "hd_by_size",
    claim:
      "A picture is HD if its longer side has more than 1600 pixels. Phones send HD media as a second message besides a small one, which other clients only read.",
    sources: [
      file(
        "wppconnect-team/wa-js",
        "6972a845474e75f77800361c7b242818c5eea377",
        "src/chat/functions/sendFileMessage.ts",
        "maxDimension = options?.isHD ? 2560 : 1600",
      ),
      mautrix("pkg/connector/handlewhatsapp.go", "MessageAssociation_HD_IMAGE_DUAL_UPLOAD"),
    ],
    checked: "2026-11",
    tests: ["tests/integration/media/conversion.test.ts > an HD picture is sent unchanged, and a small one is refused"],
    enforced: false,
    witness: false,
  }),
  defineRule({
    name: "live_location",
    claim: "Only phones share a live location: linked devices neither get its updates nor have a request to send them.",
    sources: [
      issue("WhiskeySockets/Baileys", 1026),
      issue("WhiskeySockets/Baileys", 1583),
      issue("adiwajshing/Baileys", 2172),
      mautrix("pkg/msgconv/wa-location.go", "Use the WhatsApp app to see the location."),
    ],
    checked: "2026-11",
    tests: ["tests/integration/message/gateway-send.test.ts > %s is rejected with the reason"],
    enforced: false,
    witness: false,
  }),
  defineRule({
    name: "sticker_metadata",
    claim: "A sticker names its pack, the author of the pack and emojis in the EXIF tag 0x5741, as a JSON text.",
    sources: [
      mautrix("pkg/msgconv/wa-sticker.go", "stickerMetadataEXIFTag"),
      file("WhatsApp/stickers", STICKERS, "iOS/WAStickersThirdParty/Limits.swift", "MaxEmojisCount"),
    ],
    checked: "2026-11",
    tests: ["tests/integration/media/conversion.test.ts > a sticker with metadata has the same picture: %s"],
    enforced: true,
    witness: false,
  }),
];
