// The only import of Baileys: its protobuf schema, its binary-node codec and the tables of the codec. The simulator implements
// everything else itself, so that a test does not check Baileys against Baileys.
export type { BinaryNode } from "@whiskeysockets/baileys";
export { DOUBLE_BYTE_TOKENS, SINGLE_BYTE_TOKENS, TAGS } from "@whiskeysockets/baileys/lib/WABinary/constants.js";
export { decodeDecompressedBinaryNode } from "@whiskeysockets/baileys/lib/WABinary/decode.js";
export { encodeBinaryNode } from "@whiskeysockets/baileys/lib/WABinary/encode.js";
export { proto } from "@whiskeysockets/baileys/WAProto/index.js";
