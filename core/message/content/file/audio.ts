import * as z from "zod";
import { defineContent } from "../define.ts";
import { altText, file, fileProtobuf } from "../field.ts";

/** The largest number of values of a waveform. WhatsApp's apps make 64. */
export const maxWaveform = 256;

export const audio = defineContent({
  kind: "audio",
  summary: "A voice note or a sound file",
  schema: z.object({
    kind: z.literal("audio"),
    ...file,
    seconds: z.number().int().nullable(),
    /** Whether it is a voice note, recorded in the chat, and not a sound file. */
    isVoiceNote: z.boolean(),
    /** For a voice note: its loudness over time, from 0 to 100. Empty if the sender states none. */
    waveform: z.array(z.number().int()),
    altText,
  }),
  text: () => "",
  protobuf: (content) => ({
    ...fileProtobuf(content),
    seconds: content.seconds,
    ptt: content.isVoiceNote,
    waveform: content.waveform.length > 0 ? Buffer.from(content.waveform).toString("base64") : null,
  }),
});
