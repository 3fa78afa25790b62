// The only door to Baileys: its protobuf schema, its binary-node codec and the codec's tables. Everything that
// can be checked independently of the client under test is implemented here in the simulator.
export type { BinaryNode } from "@whiskeysockets/baileys";
export { DOUBLE_BYTE_TOKENS, SINGLE_BYTE_TOKENS, TAGS } from "@whiskeysockets/baileys/lib/WABinary/constants.js";
export { decodeDecompressedBinaryNode } from "@whiskeysockets/baileys/lib/WABinary/decode.js";
export { encodeBinaryNode } from "@whiskeysockets/baileys/lib/WABinary/encode.js";
export { proto } from "@whiskeysockets/baileys/WAProto/index.js";
