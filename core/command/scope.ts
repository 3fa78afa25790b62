import type { Scope } from "../scope.ts";
import type { CommandKind } from "./catalog/define.ts";
import { type CommandName, commandCatalog } from "./catalog/index.ts";

type NounOf<Name> = Name extends `${infer Noun}.${string}` ? Noun : never;

/** The scopes of the commands of a noun, by their kind. A noun without an entry does not compile. */
const scopesOf: Readonly<Record<NounOf<CommandName>, Partial<Record<CommandKind, Scope>>>> = {
  message: { send: "messages:send", query: "messages:read", mutate: "messages:write" },
  status: { send: "statuses:send", mutate: "statuses:write" },
  chat: { query: "chats:read", mutate: "chats:write" },
  contact: { query: "contacts:read", mutate: "contacts:write" },
  group: { query: "groups:read", mutate: "groups:write" },
  community: { query: "communities:read", mutate: "communities:write" },
  channel: { query: "channels:read", mutate: "channels:write" },
  label: { query: "labels:read", mutate: "labels:write" },
  call: { query: "calls:read", mutate: "calls:write" },
  presence: { query: "presence:read", mutate: "presence:write" },
  profile: { query: "profile:read", mutate: "profile:write" },
  business: { query: "profile:read", mutate: "profile:write" },
  media: { query: "media:read", mutate: "media:write" },
  instance: { query: "instances:read", mutate: "instances:write" },
};

/** Commands of an instance that are about its waiting messages. Who may send may also hold back and cancel. */
const scopesOfQueue: Partial<Record<CommandName, Scope>> = {
  "instance.clearQueue": "messages:send",
  "instance.pauseSends": "messages:send",
  "instance.resumeSends": "messages:send",
};

/** Returns the scope that a key with scopes needs to run the command. Throws if its noun has no scope for its kind. */
export function scopeOfCommand(name: CommandName): Scope {
  const scope =
    scopesOfQueue[name] ?? scopesOf[name.split(".", 1)[0] as NounOf<CommandName>][commandCatalog[name].kind];
  if (!scope) throw new TypeError(`no scope is declared for ${name}`);
  return scope;
}
