/** Lanes of `usage`. Writers in different lanes never wait for each other. */
export const eventLane = 0;
export const webhookLane = 1;
/** Each API process chooses one of these lanes at random. */
export const firstCallLane = 2;
export const callLanes = 64;

/** The instance id of calls that are about no instance. */
export const noInstance = "00000000-0000-0000-0000-000000000000";
