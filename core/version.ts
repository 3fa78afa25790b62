import packageJson from "../package.json" with { type: "json" };

/** The version of Switchboard, from `package.json`. */
export const version: string = packageJson.version;

/** The version of Baileys that `package.json` pins. */
export const baileysVersion: string = packageJson.dependencies["@whiskeysockets/baileys"];
