import * as gatewayDialect from "../../../functions/api/dialects/gateway/index.ts";
import * as multiInstanceDialect from "../../../functions/api/dialects/multi-instance/index.ts";
import { loadDialect } from "../../../functions/api/engine/dialect.ts";

/** The tables of both dialects, with all their endpoints. */
export const gateway = await loadDialect(gatewayDialect.gateway);
export const multiInstance = await loadDialect(multiInstanceDialect.multiInstance);
export const dialects = [gateway, multiInstance];
