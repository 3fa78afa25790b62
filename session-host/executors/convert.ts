import type { CommandInput, CommandOutput } from "../../core/command/catalog/index.ts";
import type { OfflineContext } from "./types.ts";

export const convertVoice = (
  { conversions, deadline, ...owner }: OfflineContext,
  input: CommandInput<"media.convertVoice">,
): Promise<CommandOutput<"media.convertVoice">> => conversions.convert(owner, input, "opus", deadline);

export const convertVideo = (
  { conversions, deadline, ...owner }: OfflineContext,
  input: CommandInput<"media.convertVideo">,
): Promise<CommandOutput<"media.convertVideo">> => conversions.convert(owner, input, "mp4", deadline);
