import * as z from "zod";

/** The settings in use, by name. Settings that are objects have one entry for each of their fields where they differ. */
export const effectiveSettings = z.record(
  z.string(),
  z.object({
    value: z.unknown(),
    /**
     * `instance`: set for the instance. `user`: a setting of the instance's user, such as a shorter retention. `gateway`: a
     * setting of the operator. `default`: nobody has set it.
     */
    source: z.enum(["instance", "user", "gateway", "default"]),
  }),
);

export type EffectiveSettings = z.output<typeof effectiveSettings>;
