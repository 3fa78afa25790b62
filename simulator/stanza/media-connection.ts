import { node } from "../wire/node.ts";
import { type IqHandler, result } from "./iq.ts";

/**
 * `w:m`: returns the address of the media host and the token for uploads. Source: `refreshMediaConn` in Baileys'
 * Socket/messages-send.ts.
 */
export const mediaConnection: IqHandler = (iq, { world }) =>
  result(iq, [
    node("media_conn", { auth: world.media.auth, ttl: "3600", auth_ttl: "21600", max_buckets: "12" }, [
      node("host", { hostname: world.media.hostname, maxContentLengthBytes: String(world.media.maxBytes) }),
    ]),
  ]);
