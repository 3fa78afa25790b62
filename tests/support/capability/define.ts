import type { CommandName } from "../../../core/command/catalog/index.ts";
import type { Feature } from "../endpoint/simulator-features.ts";

/** `file > name of the test`, from the root of the project. */
export type NamedTest = `tests/${string} > ${string}`;

/** Something that a user can do, for the table in `docs/reference/capabilities.md`. */
export interface Capability {
  /** A short imperative, such as "Archive a chat". */
  name: string;
  /** The commands that it runs. Empty if the API does it without WhatsApp. */
  commands: readonly CommandName[];
  /** Endpoints of the Gateway API, such as `POST /api/chats/{instanceId}/{chatId}/archive`. They work for every instance. */
  gateway: readonly string[];
  /** Endpoints of the Multi-Instance API. Empty if only the Gateway API has an endpoint. */
  multiInstance: readonly string[];
  /** The part of the simulated WhatsApp that shows the effect, or null if there is no effect on WhatsApp. */
  simulator: Feature | null;
  /** The tests that check the effect. */
  tests: readonly [NamedTest, ...NamedTest[]];
}

export const defineCapability = (capability: Capability): Capability => capability;
