import * as gatewayDialect from "../../../functions/api/dialects/gateway/index.ts";
import * as multiInstanceDialect from "../../../functions/api/dialects/multi-instance/index.ts";
import { tableOf } from "../../../functions/api/engine/dialect.ts";

/** The tables of both dialects, with all their endpoints. */
export const gateway = await tableOf(gatewayDialect.gateway);
export const multiInstance = await tableOf(multiInstanceDialect.multiInstance);
export const dialects = [gateway, multiInstance];
