import type { CommandInput, CommandOutput } from "../../core/command/catalog/index.ts";
import type { OfflineContext } from "./types.ts";

export const convertVoice = (
  { instanceId, conversions, deadline }: OfflineContext,
  input: CommandInput<"media.convertVoice">,
): Promise<CommandOutput<"media.convertVoice">> => conversions.convert(instanceId, input, "opus", deadline);

export const convertVideo = (
  { instanceId, conversions, deadline }: OfflineContext,
  input: CommandInput<"media.convertVideo">,
): Promise<CommandOutput<"media.convertVideo">> => conversions.convert(instanceId, input, "mp4", deadline);
