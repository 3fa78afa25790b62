import { answers } from "./answers.ts";
import { chat } from "./chat.ts";
import type { Capability } from "./define.ts";
import { files } from "./file.ts";
import { history } from "./history.ts";
import { linking } from "./linking.ts";
import { liveEvents } from "./live-events.ts";
import { privacy } from "./privacy.ts";
import { profile } from "./profile.ts";
import { settings } from "./settings.ts";

/** All capabilities by subject, in the order of the page. */
export const capabilities: Record<string, readonly Capability[]> = {
  Linking: linking,
  Settings: settings,
  "History and search": history,
  "Answers, mentions and typing": answers,
  Profiles: profile,
  Files: files,
  "Live events": liveEvents,
  Chats: chat,
  Privacy: privacy,
};
