import type postgres from "postgres";

/**
 * All endpoints as a subquery with the columns `endpoint_id`, `instance_id`, `user_id`, `url` and `enabled`. The instance is
 * null for the default endpoint of a user. The planner looks up single endpoints with an index, because both parts read one
 * table without a condition.
 */
export const targets = (sql: postgres.ISql) => sql`(
    select id as endpoint_id, id as instance_id, user_id, webhook_url as url, webhook_enabled as enabled from instances
    union all
    select id, instance_id, user_id, url, enabled from webhooks
  )`;

/** The id of the endpoint of a delivery with the alias `d`, as the indexes of `deliveries` contain it. */
export const endpointOf = (sql: postgres.ISql) => sql`coalesce(d.endpoint_id, d.instance_id)`;
