export { LiveEvents } from "./live.ts";
export { Listener, polling } from "./wakeups.ts";
