import type { Vault } from "../crypto/index.ts";
import { sealedPlace } from "../crypto/sealed-place.ts";
import type { Database } from "../db/index.ts";
import { type ProxyServer, parseProxy } from "../egress/proxy.ts";
import type { AutoRead, IgnoreRules, InstancePresence, RejectCalls } from "./instance.sql.ts";

/** The settings of an instance that its connection to WhatsApp uses. */
export interface SessionSettings {
  presence: InstancePresence;
  /** Null means a direct connection. */
  proxy: ProxyServer | null;
  /** Null means the default. */
  deviceName: string | null;
  /** Null means nothing. */
  ignore: IgnoreRules | null;
  /** Null means that calls ring. */
  rejectCalls: RejectCalls | null;
  /** Null means that nothing is marked as read. */
  autoRead: AutoRead | null;
  /** Whether the session is meant to run. */
  desired: "running" | "stopped";
  /** Null until a phone has linked the instance. */
  linkedAt: Date | null;
  /** When settings that take effect on an open connection were last changed. */
  settingsAt: Date | null;
}

/** The settings that take effect on an open connection, without a restart of the session. */
export const liveSettings = ["ignore", "rejectCalls", "autoRead", "pace", "timezone"] as const;

/** Throws if the instance no longer exists or its proxy can't be read, so that no direct connection takes its place. */
export async function readSessionSettings(
  { db, vault }: { db: Database; vault: Vault },
  instanceId: string,
): Promise<SessionSettings> {
  const [row] = await db.sql<(Omit<SessionSettings, "proxy"> & { proxy: string | null; password: Buffer | null })[]>`
    select presence, proxy, proxy_password as password, device_name as "deviceName", ignore_rules as ignore,
      reject_calls as "rejectCalls", auto_read as "autoRead",
      settings_at as "settingsAt", desired, linked_at as "linkedAt"
    from instances where id = ${instanceId}`;
  if (!row) throw new Error(`instance ${instanceId} does not exist`);
  const { proxy, password, ...settings } = row;
  return { ...settings, proxy: proxy === null ? null : withPassword(proxy) };

  function withPassword(url: string): ProxyServer {
    const parsed = parseProxy(url);
    if (typeof parsed === "string") throw new Error(`the stored URL of the proxy is not valid: it ${parsed}`);
    return {
      ...parsed,
      password: password ? vault.open(password, sealedPlace.proxyPassword(instanceId)).toString() : "",
    };
  }
}
