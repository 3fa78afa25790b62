import { parseAst } from "rolldown/parseAst";

/** A place in a source file where a process can be stopped. */
export interface Site {
  /** `<path>:<line>:<column>` */
  id: string;
}

/**
 * Inserts a crash point into each `await` of a TypeScript file: `await value` becomes `await __crashPoint(id, value)`.
 * Also inserts one into each step of a `for await` loop. Lines keep their numbers.
 */
export function instrument(path: string, source: string): { source: string; sites: string[] } {
  const lineStarts = [0, ...[...source.matchAll(/\n/g)].map(({ index }) => index + 1)];
  const siteAt = (offset: number) => {
    const line = lineStarts.findLastIndex((start) => start <= offset);
    return `${path}:${line + 1}:${offset - (lineStarts[line] ?? 0) + 1}`;
  };
  const insertions: { at: number; text: string }[] = [];
  const sites: string[] = [];
  const wrap = (at: number, { start, end }: Span, call: string) => {
    const id = siteAt(at);
    sites.push(id);
    insertions.push({ at: start, text: `${call}(${JSON.stringify(id)}, ` }, { at: end, text: ")" });
  };
  visit(parseAst(source, { lang: "ts" }), (node) => {
    if (node.type === "AwaitExpression") wrap(node.start, node.argument as Span, "__crashPoint");
    if (node.type === "ForOfStatement" && node.await === true) wrap(node.start, node.right as Span, "__crashPointEach");
  });
  return { source: insertAll(source, insertions), sites };
}

interface Span {
  start: number;
  end: number;
}
type Node = Span & { type: string } & Record<string, unknown>;

/** Calls `enter` for a node and then for all nodes in it. */
function visit(value: unknown, enter: (node: Node) => void): void {
  if (Array.isArray(value)) for (const item of value) visit(item, enter);
  else if (typeof value === "object" && value !== null) {
    if ("type" in value && "start" in value) enter(value as Node);
    for (const child of Object.values(value)) visit(child, enter);
  }
}

/** Inserts texts. At the same place, an inner node's closing text comes before an outer node's. */
function insertAll(source: string, insertions: readonly { at: number; text: string }[]): string {
  let result = "";
  let from = 0;
  for (const { at, text } of insertions.toSorted((a, b) => a.at - b.at)) {
    result += source.slice(from, at) + text;
    from = at;
  }
  return result + source.slice(from);
}
