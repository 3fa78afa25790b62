import { node } from "../wire/node.ts";
import { type IqHandler, result } from "./iq.ts";

/** How long clients may use the answer, in seconds. */
const TTL_SECONDS = 3600;

/**
 * `w:m`: returns the addresses of the media hosts and a token for uploads. Source: `refreshMediaConn` in Baileys'
 * Socket/messages-send.ts. Type and `fallback_hostname`: https://github.com/oxidezap/whatsapp-rust/pull/361
 */
export const mediaConnection: IqHandler = (iq, { world: { media } }) => {
  const [primary, fallback] = media.hosts;
  const maxContentLengthBytes = String(media.maxBytes);
  const lifetimes = { ttl: String(TTL_SECONDS), auth_ttl: String(media.lifetimes.token) };
  return result(iq, [
    node("media_conn", { auth: media.issueToken(), ...lifetimes, max_buckets: "12" }, [
      node("host", {
        ...{ hostname: primary.hostname, type: "primary", fallback_hostname: fallback.hostname },
        maxContentLengthBytes,
      }),
      node("host", { hostname: fallback.hostname, type: "fallback", maxContentLengthBytes }),
    ]),
  ]);
};
