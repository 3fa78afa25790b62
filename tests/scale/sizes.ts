import { fullSizes } from "./fill.ts";

export const scale = Number(process.env.SCALE ?? 1);
/** The two sizes that are compared, in messages: a million and ten thousand at full scale. */
export const many = Math.round(fullSizes.messages * scale);
export const few = Math.round(many / 100);
