/** Lanes of `usage`, but for that of webhooks: writers in lanes of their own never wait for each other. */
export const eventLane = 0;
export const webhookLane = 1;
/** Each process of the API takes one of so many lanes from here on, by chance. */
export const firstCallLane = 2;
export const callLanes = 64;

/** In place of an instance, for calls that are about none. */
export const noInstance = "00000000-0000-0000-0000-000000000000";
