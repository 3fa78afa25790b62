import * as z from "zod";
import { defineContent } from "../define.ts";

export const album = defineContent({
  kind: "album",
  summary: "The announcement of an album. Its pictures and videos follow as messages that name it as their parent",
  schema: z.object({
    kind: z.literal("album"),
    imageCount: z.number().int(),
    videoCount: z.number().int(),
  }),
  text: ({ imageCount, videoCount }) => {
    const parts = [counted(imageCount, "image"), counted(videoCount, "video")].filter(Boolean);
    return parts.length > 0 ? `Album: ${parts.join(", ")}` : "Album";
  },
  protobuf: ({ imageCount, videoCount }) => ({ expectedImageCount: imageCount, expectedVideoCount: videoCount }),
});

const counted = (count: number, noun: string) => (count > 0 ? `${count} ${noun}${count === 1 ? "" : "s"}` : "");
