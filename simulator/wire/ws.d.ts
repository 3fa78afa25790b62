// Declares the part of `ws` that the simulator and its tests use, because the package has no types.
declare module "ws" {
  import type { EventEmitter } from "node:events";
  import type { IncomingMessage, Server } from "node:http";
  import type { Duplex } from "node:stream";

  export class WebSocket extends EventEmitter {
    static readonly OPEN: 1;
    readonly readyState: number;
    readonly bufferedAmount: number;
    constructor(url: string, options?: { origin?: string });
    send(data: Uint8Array, done?: (error?: Error) => void): void;
    close(code?: number, reason?: string): void;
    terminate(): void;
  }
  export class WebSocketServer extends EventEmitter {
    constructor(options: {
      noServer?: boolean;
      server?: Server;
      perMessageDeflate?: boolean;
      maxPayload?: number;
      verifyClient?: (info: { origin: string | undefined }) => boolean;
    });
    handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, done: (socket: WebSocket) => void): void;
    close(done?: (error?: Error) => void): void;
  }
  export default WebSocket;
}
