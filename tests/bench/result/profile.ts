import type { Profiler } from "node:inspector";

/**
 * Adds the seconds that each package ran according to a profile: npm packages by their name, our own code by its folder, and
 * modules of Node. Native functions count for the function that calls them. The profiler samples by the clock, so a process that
 * waits for a core seems to run.
 */
export function addPackages({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile, to: Map<string, number>): void {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const names = new Map<number, string>();
  const nameOf = (id: number): string => {
    let name = names.get(id);
    if (name === undefined) {
      const { functionName, url } = byId.get(id)?.callFrame ?? { functionName: "", url: "" };
      const parent = parents.get(id);
      name = packageOf(functionName, url) ?? (parent === undefined ? "Node.js" : nameOf(parent));
      names.set(id, name);
    }
    return name;
  };
  for (const [index, id] of samples.entries()) {
    const name = nameOf(id);
    if (name !== idle && name !== profiler) to.set(name, (to.get(name) ?? 0) + (timeDeltas[index] ?? 0) / 1e6);
  }
}

const idle = "(idle)";
/** The profiler itself. */
const profiler = "node:inspector";

/** Returns the package of a function; undefined for native functions. */
function packageOf(functionName: string, url: string): string | undefined {
  if (functionName === idle) return idle;
  if (functionName === "(garbage collector)") return "garbage collection";
  if (url === "") return undefined;
  const installed = [...url.matchAll(/node_modules\/((?:@[^/]+\/)?[^/]+)/g)].at(-1)?.[1];
  if (installed !== undefined) return installed;
  if (url.startsWith("node:")) return /^node:(?:internal\/)?_?[a-z]+/.exec(url)?.[0].replace("internal/", "");
  return /\/((?:core|functions|session-host|local|tests)\/[^/]+)/.exec(url)?.[1] ?? "other code";
}
