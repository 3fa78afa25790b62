/** The path of the REST API below which the gateway passes signed requests on to the bucket (`FILES_THROUGH_API`). */
export const bucketPath = "/api/bucket";

/** Returns the URL of the REST API at `base` that leads to the same object as a presigned URL of the bucket. */
export function throughApi(presigned: string, base: string): string {
  const { pathname, search } = new URL(presigned);
  return `${base.endsWith("/") ? base.slice(0, -1) : base}${bucketPath}${pathname}${search}`;
}
