/** Whether the response at this path is a stream. */
export const isStreamPath = (path: string) => /^\/api\/(?:instances\/[^/]+\/)?events\/stream$/.test(path);
