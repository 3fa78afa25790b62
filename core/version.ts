import packageJson from "../package.json" with { type: "json" };

/** Of this program, as `package.json` has it. */
export const version: string = packageJson.version;

/** Of the Baileys that this program is made with: it is pinned to one version there. */
export const baileysVersion: string = packageJson.dependencies["@whiskeysockets/baileys"];
