import type { Caller } from "../../../core/caller.ts";
import type { Instance } from "../../../core/instance/index.ts";
import type { LifecycleDeps } from "../../../core/instance-management/lifecycle.ts";
import type { CallCounter } from "../../../core/usage/calls.ts";
import type { Tokens } from "../../../core/user/index.ts";
import type { ApiDeps } from "./dependencies.ts";

/** What all requests share. */
export type Shared = ApiDeps & Pick<LifecycleDeps, "shards"> & { tokens: Tokens; calls: CallCounter };

/** What an operation works with. The vault is closed unless its endpoint says that it needs it. */
export interface Context {
  deps: Omit<Shared, "vault"> & LifecycleDeps;
  requestId: string;
  /** Resolves when this call is counted: what reads the counts shows itself then. */
  counted: Promise<void>;
  /** As the client addressed us: `example.com:3000`. */
  host: string | undefined;
  /** The name of a header that shows that the request came through a proxy. */
  forwardedBy: string | undefined;
  /** Where the connection came from, as API Gateway saw it. */
  ip: string | undefined;
  idempotencyKey: string | undefined;
  /** The `Accept` header, for endpoints that answer in more than one type. */
  accept: string | undefined;
}
export interface CallerContext extends Context {
  caller: Caller;
}
export interface InstanceContext extends CallerContext {
  instance: Instance;
}

/** An answer that is no JSON: a picture, or the way to a file. */
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

/** A command that had not ended when the time to wait was up: the caller can look for it later. */
export class Pending {
  readonly commandId: string;
  constructor(commandId: string) {
    this.commandId = commandId;
  }
}
