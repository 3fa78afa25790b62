import { listInstances } from "../../../core/instance/store.ts";
import { type SearchRequest, searchMessages } from "../../../core/message/search/index.ts";
import type { CallerContext, InstanceContext } from "../engine/context.ts";

/** Searches the messages of the caller's instances. */
export async function searchAll({ deps, caller }: CallerContext, request: SearchRequest) {
  const instances = await listInstances(deps.db, caller);
  const ids = instances.map(({ id }) => id);
  return await searchMessages(deps.db, ids, request);
}

export const searchInstance = ({ deps, instance }: InstanceContext, request: SearchRequest) =>
  searchMessages(deps.db, [instance.id], request);
