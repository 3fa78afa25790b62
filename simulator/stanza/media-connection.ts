import { node, result } from "../wire/node.ts";
import type { IqHandler } from "./iq.ts";

export const mediaConnection: IqHandler = (iq, { world }) =>
  result(iq, [
    node("media_conn", { auth: world.media.auth, ttl: "3600", auth_ttl: "21600", max_buckets: "12" }, [
      node("host", { hostname: world.media.hostname, maxContentLengthBytes: String(world.media.maxBytes) }),
    ]),
  ]);
