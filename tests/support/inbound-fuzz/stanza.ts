import { type BinaryNode, node } from "../../../simulator/wire/node.ts";
import { damage } from "./protobuf.ts";
import { type Choose, oddBytes, oddText } from "./values.ts";

const attributes = ["id", "from", "participant", "recipient", "t", "type", "offline", "notify", "count", "sender_pn"];
const addresses = ["from", "participant", "recipient"];
const tags = [
  "enc",
  "plaintext",
  "list",
  "item",
  "participant",
  "add",
  "subject",
  "offer",
  "terminate",
  "unavailable",
  "x",
];

/** Returns a copy of a stanza with one to three mutations of its attributes and content. Keeps the tag of the stanza. */
export function mutateStanza(stanza: BinaryNode, choose: Choose): BinaryNode {
  let mutated = stanza;
  for (let rounds = choose.upTo(3) + 1; rounds > 0; rounds--) mutated = mutateNode(mutated, choose);
  return mutated;
}

function mutateNode({ tag, attrs, content }: BinaryNode, choose: Choose): BinaryNode {
  if (Array.isArray(content) && content.length > 0 && choose.chance(0.5)) {
    const index = choose.upTo(content.length);
    const inner = content.map((child, at) => (at === index ? mutateChild(child, choose) : child));
    return { tag, attrs, content: inner };
  }
  if (choose.chance(0.7))
    return { tag, attrs: mutateAttributes(attrs, choose), ...(content === undefined ? {} : { content }) };
  const changed = mutateContent(content, choose);
  return changed === undefined ? { tag, attrs } : { tag, attrs, content: changed };
}

function mutateChild(child: BinaryNode, choose: Choose): BinaryNode {
  return choose.chance(0.1) ? { ...child, tag: choose.one(tags) } : mutateNode(child, choose);
}

function mutateAttributes(attrs: Record<string, string>, choose: Choose): Record<string, string> {
  const names = Object.keys(attrs);
  const name = choose.chance(0.7) && names.length > 0 ? choose.one(names) : choose.one(attributes);
  if (name !== "from" && choose.chance(0.25))
    return Object.fromEntries(Object.entries(attrs).filter(([other]) => other !== name));
  const text = oddText(choose);
  // WhatsApp's server writes the addresses. The simulated one ends the connection of a client that repeats an address
  // without a server in an acknowledgement.
  return { ...attrs, [name]: addresses.includes(name) && !text.includes("@") ? `${text}@lid` : text };
}

function mutateContent(content: BinaryNode["content"], choose: Choose): BinaryNode["content"] {
  if (content instanceof Uint8Array && choose.chance(0.7)) return damage(Buffer.from(content), choose);
  const children = Array.isArray(content) ? content : [];
  return choose.one<() => BinaryNode["content"]>([
    () => undefined,
    () => oddBytes(choose),
    () => oddText(choose),
    () => [...children, ...Array<BinaryNode>(choose.one([1, 3, 300])).fill(children[0] ?? node("x", {}))],
    () => [...children, node(choose.one(tags), { id: oddText(choose) }, oddBytes(choose))],
    () => [nested(children, choose.one([2, 30, 500]))],
  ])();
}

function nested(children: BinaryNode[], depth: number): BinaryNode {
  let inner = node("x", {}, children);
  for (let level = 0; level < depth; level++) inner = node("x", {}, [inner]);
  return inner;
}
