import type { ContentCase } from "./case.ts";

const bytes = (...values: number[]) => Buffer.from(values);
/** Begins like a JPEG. */
const jpegThumbnail = bytes(0xff, 0xd8, 0xff, 0xe0);
const thumbnail = jpegThumbnail.toString("base64");
const none = { altText: null, isHd: false, hdOf: null };

/** The smallest realistic message of each kind that people send: texts, files, places, contacts, polls and calendar events. */
export const basicCases: Record<string, ContentCase> = {
  "a text": {
    message: { conversation: "hello" },
    content: { kind: "text", text: "hello", linkPreview: null },
    body: "hello",
  },
  "a text with the preview of a link": {
    message: {
      extendedTextMessage: {
        text: "See https://a.example/1",
        matchedText: "https://a.example/1",
        title: "A page",
        description: "About it",
        jpegThumbnail,
      },
    },
    content: {
      kind: "text",
      text: "See https://a.example/1",
      linkPreview: { url: "https://a.example/1", title: "A page", description: "About it", thumbnail },
    },
    body: "See https://a.example/1",
    protobuf: { matchedText: "https://a.example/1", title: "A page", jpegThumbnail: thumbnail },
  },
  "an image": {
    message: {
      imageMessage: { caption: "Look", mimetype: "image/jpeg", fileLength: 5, width: 640, height: 480, jpegThumbnail },
    },
    content: {
      ...{ kind: "image", caption: "Look", mimetype: "image/jpeg", size: 5, width: 640, height: 480, thumbnail },
      ...{ ...none, isAiGenerated: false },
    },
    body: "Look",
    protobuf: { caption: "Look", mimetype: "image/jpeg", fileLength: 5, width: 640, height: 480 },
  },
  "an image in HD": {
    message: {
      associatedChildMessage: { message: { imageMessage: { mimetype: "image/jpeg", width: 4000, height: 3000 } } },
      messageContextInfo: { messageAssociation: { associationType: 10, parentMessageKey: { id: "3EB0STANDARD" } } },
    },
    protoType: "imageMessage",
    content: { kind: "image", isHd: true, hdOf: "3EB0STANDARD", width: 4000 },
    body: "",
  },
  "a video": {
    message: { videoMessage: { caption: "Film", mimetype: "video/mp4", seconds: 7, width: 640, height: 480 } },
    content: { kind: "video", caption: "Film", seconds: 7, width: 640, height: 480, isGif: false, isRound: false },
    body: "Film",
    protobuf: { caption: "Film", seconds: 7 },
  },
  "a GIF": {
    message: { videoMessage: { mimetype: "video/mp4", gifPlayback: true, seconds: 2 } },
    content: { kind: "video", isGif: true, isRound: false },
    body: "",
    protobuf: { gifPlayback: true },
  },
  "a round video": {
    message: { ptvMessage: { mimetype: "video/mp4", seconds: 5 } },
    content: { kind: "video", isGif: false, isRound: true, seconds: 5 },
    body: "",
    protobuf: { seconds: 5 },
  },
  "a voice note": {
    message: {
      audioMessage: { ptt: true, seconds: 3, mimetype: "audio/ogg; codecs=opus", waveform: bytes(0, 50, 100) },
    },
    content: {
      kind: "audio",
      isVoiceNote: true,
      seconds: 3,
      waveform: [0, 50, 100],
      mimetype: "audio/ogg; codecs=opus",
    },
    body: "",
    protobuf: { ptt: true, seconds: 3, waveform: bytes(0, 50, 100).toString("base64") },
  },
  "a sound file": {
    message: { audioMessage: { seconds: 180, mimetype: "audio/mpeg" } },
    content: { kind: "audio", isVoiceNote: false, seconds: 180, waveform: [] },
    body: "",
    protobuf: { ptt: false },
  },
  "a document with a caption": {
    message: {
      documentWithCaptionMessage: {
        message: {
          documentMessage: {
            ...{ caption: "The contract", fileName: "contract.pdf", title: "Contract" },
            ...{ mimetype: "application/pdf", fileLength: 9000, pageCount: 12, jpegThumbnail },
          },
        },
      },
    },
    protoType: "documentMessage",
    content: {
      ...{ kind: "document", caption: "The contract", fileName: "contract.pdf", title: "Contract" },
      ...{ mimetype: "application/pdf", size: 9000, pages: 12, thumbnail },
    },
    body: "The contract",
    protobuf: { caption: "The contract", fileName: "contract.pdf", pageCount: 12 },
  },
  "an animated sticker": {
    message: { stickerMessage: { mimetype: "image/webp", isAnimated: true, width: 512, height: 512 } },
    content: { kind: "sticker", isAnimated: true, isLottie: false, width: 512, height: 512 },
    body: "",
    protobuf: { isAnimated: true },
  },
  "a Lottie sticker": {
    message: { lottieStickerMessage: { message: { stickerMessage: { mimetype: "application/was", isLottie: true } } } },
    protoType: "stickerMessage",
    content: { kind: "sticker", isLottie: true, mimetype: "application/was" },
    body: "",
    protobuf: { isLottie: true },
  },
  "a bare pin": {
    message: { locationMessage: { degreesLatitude: 52.52, degreesLongitude: 13.4 } },
    content: {
      ...{ kind: "location", latitude: 52.52, longitude: 13.4, name: null, address: null, url: null },
      ...{ comment: null, accuracyMeters: null, thumbnail: null },
    },
    body: "52.52, 13.4",
    protobuf: { degreesLatitude: 52.52, degreesLongitude: 13.4 },
  },
  "a place": {
    message: {
      locationMessage: {
        ...{ degreesLatitude: 52.52, degreesLongitude: 13.4, name: "Office", address: "Main St 1" },
        url: "https://a.example/office",
      },
    },
    content: { kind: "location", name: "Office", address: "Main St 1", url: "https://a.example/office" },
    body: "Office",
    protobuf: { name: "Office", address: "Main St 1", url: "https://a.example/office" },
  },
  "a live location": {
    message: {
      liveLocationMessage: {
        ...{ degreesLatitude: -33.86, degreesLongitude: 151.2, caption: "On my way", accuracyInMeters: 20 },
        ...{ speedInMps: 1.5, degreesClockwiseFromMagneticNorth: 90, sequenceNumber: 3, timeOffset: 60 },
      },
    },
    content: {
      ...{ kind: "liveLocation", latitude: -33.86, longitude: 151.2, caption: "On my way", accuracyMeters: 20 },
      ...{ speedMetersPerSecond: 1.5, bearingDegrees: 90, sequenceNumber: 3, offsetSeconds: 60 },
    },
    body: "On my way",
    protobuf: { degreesLatitude: -33.86, degreesLongitude: 151.2, caption: "On my way", sequenceNumber: 3 },
  },
  "a contact": {
    message: {
      contactMessage: {
        displayName: "Ada Lovelace",
        vcard:
          "BEGIN:VCARD\nVERSION:3.0\nN:Lovelace;Ada;;;\nFN:Ada Lovelace\nORG:Engines;\nTEL;type=CELL;waid=4915550000007:+49 1555 0000007\nEMAIL:ada@a.example\nEND:VCARD",
      },
    },
    content: {
      kind: "contacts",
      heading: null,
      contacts: [
        {
          name: "Ada Lovelace",
          numbers: [{ number: "+49 1555 0000007", type: "CELL", whatsappNumber: "4915550000007" }],
          emails: ["ada@a.example"],
          organization: "Engines",
          vcard:
            "BEGIN:VCARD\nVERSION:3.0\nN:Lovelace;Ada;;;\nFN:Ada Lovelace\nORG:Engines;\nTEL;type=CELL;waid=4915550000007:+49 1555 0000007\nEMAIL:ada@a.example\nEND:VCARD",
        },
      ],
    },
    body: "Ada Lovelace",
    protobuf: { displayName: "Ada Lovelace" },
  },
  "several contacts": {
    message: {
      contactsArrayMessage: {
        displayName: "2 contacts",
        contacts: [
          { displayName: "Ada", vcard: "BEGIN:VCARD\r\nFN:Ada\r\nTEL:+49 1\r\nEND:VCARD" },
          { displayName: "Bob", vcard: "BEGIN:VCARD\r\nFN:Bob\r\nitem1.TEL;waid=492:+49 2\r\nEND:VCARD" },
        ],
      },
    },
    content: {
      kind: "contacts",
      heading: "2 contacts",
      contacts: [
        {
          ...{ name: "Ada", emails: [], organization: null, vcard: "BEGIN:VCARD\nFN:Ada\nTEL:+49 1\nEND:VCARD" },
          numbers: [{ number: "+49 1", type: null, whatsappNumber: null }],
        },
        {
          ...{ name: "Bob", emails: [], organization: null },
          vcard: "BEGIN:VCARD\nFN:Bob\nitem1.TEL;waid=492:+49 2\nEND:VCARD",
          numbers: [{ number: "+49 2", type: null, whatsappNumber: "492" }],
        },
      ],
    },
    body: "Ada, Bob",
    protobuf: { displayName: "2 contacts" },
  },
  "a poll": {
    message: {
      pollCreationMessageV3: {
        name: "Lunch?",
        options: [{ optionName: "Yes" }, { optionName: "No" }],
        selectableOptionsCount: 1,
      },
    },
    content: {
      ...{ kind: "poll", question: "Lunch?", options: ["Yes", "No"], selectableCount: 1 },
      ...{ hasImages: false, isQuiz: false, correctOption: null },
    },
    body: "Lunch?",
    protobuf: { name: "Lunch?", options: ["Yes", "No"], selectableOptionsCount: 1 },
  },
  "a calendar event": {
    message: {
      eventMessage: {
        ...{ name: "Birthday", description: "Bring cake", startTime: 1_800_000_000, extraGuestsAllowed: true },
        ...{ location: { name: "My house", degreesLatitude: 52.5, degreesLongitude: 13.3 } },
        ...{
          joinLink: "https://call.whatsapp.com/voice/a",
          isScheduleCall: true,
          hasReminder: true,
          reminderOffsetSec: 900,
        },
      },
    },
    content: {
      ...{ kind: "event", name: "Birthday", description: "Bring cake", startTime: "2027-01-15T08:00:00.000Z" },
      ...{ endTime: null, joinLink: "https://call.whatsapp.com/voice/a", isCall: true, isCanceled: false },
      ...{ extraGuestsAllowed: true, reminderSeconds: 900 },
      location: { name: "My house", address: null, latitude: 52.5, longitude: 13.3 },
    },
    body: "Birthday",
    protobuf: { name: "Birthday", location: "My house", startTime: "2027-01-15T08:00:00.000Z" },
  },
};
