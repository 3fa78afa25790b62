const needed = 24;

/** Vitest's global setup. */
export default function requireNode(): void {
  const major = Number(process.versions.node.split(".")[0]);
  if (major >= needed) return;
  throw new Error(
    `The tests need Node ${needed} and this is ${process.versions.node}. It is among the dependencies: run them by npm test.`,
  );
}
