import * as z from "zod";
import { defineContent } from "../define.ts";
import { coordinates, placeText, thumbnail } from "../field.ts";

export const liveLocation = defineContent({
  kind: "liveLocation",
  summary: "The place where a person is, which the person's app updates",
  schema: z.object({
    kind: z.literal("liveLocation"),
    /** Degrees. Null if the sender states no valid value. */
    ...coordinates,
    caption: z.string().nullable(),
    accuracyMeters: z.number().int().nullable(),
    speedMetersPerSecond: z.number().nullable(),
    /** The direction of movement, clockwise from magnetic north. */
    bearingDegrees: z.number().int().nullable(),
    /** Grows with each update. */
    sequenceNumber: z.number().int().nullable(),
    /** Seconds between the start of the sharing and this place. */
    offsetSeconds: z.number().int().nullable(),
    /** A small map as JPEG in Base64. Null if there is none, or if it has more than 24 KiB. */
    thumbnail,
  }),
  text: (content) => content.caption ?? placeText(content),
  protobuf: (content) => ({
    degreesLatitude: content.latitude,
    degreesLongitude: content.longitude,
    caption: content.caption,
    accuracyInMeters: content.accuracyMeters,
    speedInMps: content.speedMetersPerSecond,
    degreesClockwiseFromMagneticNorth: content.bearingDegrees,
    sequenceNumber: content.sequenceNumber,
    timeOffset: content.offsetSeconds,
    jpegThumbnail: content.thumbnail,
  }),
});
