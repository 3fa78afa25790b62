import type { Group } from "./group.ts";
import type { World } from "./world.ts";

/** Returns the group itself if it is a community, otherwise the community that contains it. */
export const communityOf = (group: Group): Group | undefined => (group.community ? group : group.parent);

export function groupsOf(world: World, community: Group): Group[] {
  return [...world.groups.values()].filter((group) => group.parent === community);
}

/** Returns the announcement groups of a community, in which its admins write to all members. */
export function announcementsOf(world: World, community: Group): Group[] {
  return groupsOf(world, community).filter(({ purpose }) => purpose === "announcements");
}

/** Whether an account that leaves this group or is removed from it also leaves the community. */
export const endsMembership = (group: Group): boolean =>
  group.community !== undefined || group.purpose === "announcements";
