import type { Account } from "../../model/account.ts";
import type { Group } from "../../model/group.ts";
import type { World } from "../../model/world.ts";
import type { BinaryNode } from "../../wire/node.ts";

/** Applies a change to a group on behalf of an account. Returns the content of the answer. Throws `Refusal`. */
export type GroupChange = (change: BinaryNode, group: Group, actor: Account, world: World) => BinaryNode[] | undefined;
