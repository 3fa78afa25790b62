/**
 * How commands get from the API to the session host. `queue`: the API is a process of its own, and commands go over SQS, as
 * on AWS. `direct`: each session host also serves the API, as with `npm start`. It takes the commands of its own shards
 * directly (`DIRECT_CALLS`), and those of other shards go over SQS.
 */
export const paths = ["queue", "direct"] as const;
export type Path = (typeof paths)[number];

/** Returns the path of this name. Throws if there is none. */
export function pathOf(name: string): Path {
  const path = paths.find((one) => one === name);
  if (!path) throw new Error(`--path must be ${paths.join(" or ")}`);
  return path;
}
