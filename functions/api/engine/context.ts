import type { Caller } from "../../../core/caller.ts";
import type { Instance } from "../../../core/instance/index.ts";
import type { LifecycleDeps } from "../../../core/instance-management/lifecycle.ts";
import type { CallCounter } from "../../../core/usage/calls.ts";
import type { Tokens } from "../../../core/user/index.ts";
import type { ApiDeps } from "./dependencies.ts";

/** Dependencies and state that all requests share. */
export type Shared = ApiDeps & Pick<LifecycleDeps, "shards"> & { tokens: Tokens; calls: CallCounter };

/** The context of an operation. The vault is closed unless the endpoint sets `secrets`. */
export interface Context {
  deps: Omit<Shared, "vault"> & LifecycleDeps;
  requestId: string;
  /** Resolves when this call is counted, so that statistics can include it. */
  counted: Promise<void>;
  /** The `Host` header: `example.com:3000`. */
  host: string | undefined;
  /** The name of a header that shows that the request came through a proxy. */
  forwardedBy: string | undefined;
  /** The client's IP address, as API Gateway saw it. */
  ip: string | undefined;
  idempotencyKey: string | undefined;
  /** The `Accept` header, for endpoints with several content types. */
  accept: string | undefined;
}
export interface CallerContext extends Context {
  caller: Caller;
}
export interface InstanceContext extends CallerContext {
  instance: Instance;
}

/** An answer other than JSON: an image, or a redirect to a file. */
export class Raw {
  readonly body: Uint8Array<ArrayBuffer> | string | null;
  readonly headers: Record<string, string>;
  readonly status: 200 | 302;
  constructor(body: Raw["body"], headers: Record<string, string>, status: Raw["status"] = 200) {
    this.body = body;
    this.headers = headers;
    this.status = status;
  }
}

/** A command that did not finish within the waiting time. The caller can query it later. */
export class Pending {
  readonly commandId: string;
  constructor(commandId: string) {
    this.commandId = commandId;
  }
}
