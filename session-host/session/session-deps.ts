import type { Clock } from "../../core/clock.ts";
import type { BrakeDeps } from "../command/limit/brake.ts";
import type { SendQueueDeps } from "../command/send/send-queue.ts";
import type { Transfers } from "../history/transfers.ts";
import type { MediaStage } from "../media/stage.ts";
import type { SessionVersion } from "./connection/client-version.ts";
import type { ConnectionDeps } from "./connection/connection-parts.ts";
import type { LoginPlaces } from "./connection/login-places.ts";
import type { SendControlDeps } from "./send-control.ts";

/** What a session gets from its shard. */
export interface SessionDeps
  extends ConnectionDeps,
    Pick<SendQueueDeps, "countAttempt" | "mayStart">,
    Pick<BrakeDeps, "heldBack" | "holdBack"> {
  clock: Clock;
  /** Cancels the waiting sends that match, and those that were taken out of the queue. Returns their number. */
  cancelWaiting: SendControlDeps["cancel"];
  sameChats: SendControlDeps["sameChats"];
  media: MediaStage;
  transfers: Transfers;
  version: SessionVersion;
  logins: LoginPlaces;
  /** Removes the instance and everything that is stored for it. */
  removeInstance: (instanceId: string) => Promise<void>;
}
