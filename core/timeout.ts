/** Settles as `work` does, or rejects with `createError()` after `ms` milliseconds. The work itself continues. */
export async function within<Result>(ms: number, work: Promise<Result>, createError: () => Error): Promise<Result> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(createError()), ms);
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
