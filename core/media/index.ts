/**
 * Where the file of a message stands in the bucket: by an id of ours, that of its row or for what we send WhatsApp's, never by
 * one that a stranger chose.
 */
export const mediaKey = (instanceId: string, id: string) => `${mediaPrefix(instanceId)}${id}`;

/** Prefix of all that is kept for an instance. */
export const mediaPrefix = (instanceId: string) => `media/${instanceId}/`;

/** WhatsApp's own limit for documents is 2 GB; ours keeps a host's disk safe. Bytes. */
export const maxMediaBytes = 100 * 1024 * 1024;
