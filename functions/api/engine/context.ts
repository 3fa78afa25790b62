import type { Caller } from "../../../core/caller.ts";
import type { AcceptRequest } from "../../../core/command/accept.ts";
import type { Instance } from "../../../core/instance/index.ts";
import type { LifecycleDeps } from "../../../core/instance-management/lifecycle.ts";
import type { CallCounter } from "../../../core/usage/calls.ts";
import type { Tokens } from "../../../core/user/index.ts";
import type { LookUps } from "../../../core/user/look-up.ts";
import type { ApiDeps } from "./dependencies.ts";

/** Dependencies and state that all requests share. */
export type SharedContext = ApiDeps &
  Pick<LifecycleDeps, "shards" | "quotas"> & { tokens: Tokens; calls: CallCounter; lookUps: LookUps };

/** The context of an operation. The vault is closed unless the endpoint sets `secrets`. */
export interface Context {
  deps: Omit<SharedContext, "vault"> & LifecycleDeps;
  requestId: string;
  /** Tells the audit log whom an operation without credentials is for: a login, or the first key of a new user. */
  actFor(userId: string): void;
  /** Like `deps.storage`, but its links may be relative to the request. Only for the `Location` of a redirect. */
  redirectStorage: ApiDeps["storage"];
  /** For an endpoint that sends: the entry of the audit log that `acceptCommand` writes. */
  audit: AcceptRequest["audit"];
  /**
   * Resolves when this call is counted. The statistics endpoints wait for this promise, so that their figures include
   * the call.
   */
  counted: Promise<void>;
  /** The `Host` header: `example.com:3000`. */
  host: string | undefined;
  /** The name of a header that only proxies add; undefined if there is none. */
  forwardedBy: string | undefined;
  /** The client's IP address (`identifyClient`); undefined if it is not known. */
  ip: string | undefined;
  idempotencyKey: string | undefined;
  /** Set if this request came over a connection on which the response can be streamed. */
  streaming: Streaming | undefined;
  /** Whether the response has no body: a `HEAD` request. */
  bodiless: boolean;
  /** The `Last-Event-ID` header, with which a client continues a stream. */
  lastEventId: string | undefined;
  /** The `Accept` header, for endpoints with several content types. */
  accept: string | undefined;
}

/** How responses can be streamed. */
export interface Streaming {
  /** How long the response may take, in milliseconds. Infinite without a limit. */
  remainingMs: number;
}

export interface CallerContext extends Context {
  caller: Caller;
}
export interface InstanceContext extends CallerContext {
  instance: Instance;
}

/** A response other than JSON: an image, a stream of events, or a redirect to a file. */
export class RawResponse {
  readonly body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | string | null;
  readonly headers: Record<string, string>;
  readonly status: 200 | 302;
  constructor(body: RawResponse["body"], headers: Record<string, string>, status: RawResponse["status"] = 200) {
    this.body = body;
    this.headers = headers;
    this.status = status;
  }
}

/** A command that did not finish within the waiting time. The caller can query its result later. */
export class Pending {
  readonly commandId: string;
  constructor(commandId: string) {
    this.commandId = commandId;
  }
}
