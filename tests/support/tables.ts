import { tableOf } from "../../functions/api/dialect.ts";
import * as gatewayDialect from "../../functions/api/dialects/gateway/index.ts";
import * as multiInstanceDialect from "../../functions/api/dialects/multi-instance/index.ts";

/** The two APIs with all their endpoints. */
export const gateway = await tableOf(gatewayDialect.gateway);
export const multiInstance = await tableOf(multiInstanceDialect.multiInstance);
export const dialects = [gateway, multiInstance];
