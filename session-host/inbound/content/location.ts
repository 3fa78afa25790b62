import { maxBytes } from "../../../core/bound.ts";
import type { Parse } from "./parse.ts";
import { countOrNull, numberOrNull, textOrNull, thumbnailOrNull } from "./values.ts";

interface Place {
  degreesLatitude?: number | null;
  degreesLongitude?: number | null;
}

/** Returns the coordinates of a place. A value outside of its range is null. */
export const coordinatesOf = ({ degreesLatitude, degreesLongitude }: Place) => ({
  latitude: within(degreesLatitude, 90),
  longitude: within(degreesLongitude, 180),
});

function within(value: number | null | undefined, limit: number): number | null {
  const number = numberOrNull(value);
  return number !== null && Math.abs(number) <= limit ? number : null;
}

export const parseLocation: Parse<"locationMessage"> = (part, scope) => {
  if (part.isLive === true) {
    return {
      kind: "liveLocation",
      ...coordinatesOf(part),
      caption: textOrNull(scope, part.comment ?? part.name),
      ...movementOf(part),
      sequenceNumber: null,
      offsetSeconds: null,
    };
  }
  return {
    kind: "location",
    ...coordinatesOf(part),
    name: textOrNull(scope, part.name),
    address: textOrNull(scope, part.address),
    url: textOrNull(scope, part.url, maxBytes.path),
    comment: textOrNull(scope, part.comment),
    accuracyMeters: countOrNull(part.accuracyInMeters),
    thumbnail: thumbnailOrNull(part.jpegThumbnail),
  };
};

export const parseLiveLocation: Parse<"liveLocationMessage"> = (part, scope) => ({
  kind: "liveLocation",
  ...coordinatesOf(part),
  caption: textOrNull(scope, part.caption),
  ...movementOf(part),
  sequenceNumber: countOrNull(part.sequenceNumber),
  offsetSeconds: countOrNull(part.timeOffset),
});

interface Movement {
  accuracyInMeters?: number | null;
  speedInMps?: number | null;
  degreesClockwiseFromMagneticNorth?: number | null;
  jpegThumbnail?: Uint8Array | null;
}

const movementOf = (part: Movement) => ({
  accuracyMeters: countOrNull(part.accuracyInMeters),
  speedMetersPerSecond: numberOrNull(part.speedInMps),
  bearingDegrees: countOrNull(part.degreesClockwiseFromMagneticNorth),
  thumbnail: thumbnailOrNull(part.jpegThumbnail),
});
