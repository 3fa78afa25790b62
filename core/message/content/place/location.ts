import * as z from "zod";
import { defineContent } from "../define.ts";
import { coordinates, placeText, thumbnail } from "../field.ts";

export const location = defineContent({
  kind: "location",
  summary: "A place",
  schema: z.object({
    kind: z.literal("location"),
    /** Degrees. Null if the sender states no valid value. */
    ...coordinates,
    /** The name of the place. */
    name: z.string().nullable(),
    address: z.string().nullable(),
    /** The web page of the place. */
    url: z.string().nullable(),
    /** What the sender wrote about the place. */
    comment: z.string().nullable(),
    accuracyMeters: z.number().int().nullable(),
    /** A small map as JPEG in Base64. Null if there is none, or if it has more than 24 KiB. */
    thumbnail,
  }),
  text: (content) => content.name ?? content.comment ?? content.address ?? placeText(content),
  protobuf: (content) => ({
    degreesLatitude: content.latitude,
    degreesLongitude: content.longitude,
    name: content.name,
    address: content.address,
    url: content.url,
    comment: content.comment,
    accuracyInMeters: content.accuracyMeters,
    jpegThumbnail: content.thumbnail,
  }),
});
