import { spawnSync } from "node:child_process";
import { chmodSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The Go that is fetched if the installed Go can't fetch what `go.mod` needs by itself. */
const FETCHED = "go1.26.8";
/** The first Go that fetches a newer one if `go.mod` needs it. */
const FETCHES_ITSELF = 21;
const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: "amd64", arm64: "arm64" };

export const needed =
  "The tests with whatsmeow need Go (https://go.dev/dl, or `apt-get install golang-go`) on the PATH, and the Go module proxy.";

/** Runs Go in a folder. Returns what it prints. Throws if Go is absent or fails. */
export function runGo(folder: string, args: string[], program = "go"): string {
  const env = { GOTOOLCHAIN: "auto", ...process.env, CGO_ENABLED: "0" };
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: folder, encoding: "utf8", env });
  if (error) throw new Error(`Go can't be started: ${error.message}. ${needed}`);
  if (status !== 0) throw new Error(`go ${args.join(" ")} failed. ${needed}\n${stderr}`);
  return stdout;
}

/**
 * Returns a Go that can build a module for Go 1.26: the installed one or, if that one is older than Go 1.21, one from the Go
 * module proxy, where newer versions look as well (https://go.dev/doc/toolchain).
 */
export function findGo(): string {
  const version = runGo(tmpdir(), ["version"]);
  const minor = Number(/go1\.(\d+)/.exec(version)?.[1]);
  if (minor >= FETCHES_ITSELF) return "go";
  const name = `golang.org/toolchain@v0.0.1-${FETCHED}.linux-${ARCHITECTURES[process.arch] ?? process.arch}`;
  const { Dir: folder } = JSON.parse(runGo(tmpdir(), ["mod", "download", "-json", name])) as { Dir: string };
  // A file of a module is never executable. Go 1.21 makes these files executable itself.
  for (const place of ["bin", "pkg/tool"]) {
    for (const entry of readdirSync(join(folder, place), { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) chmodSync(join(entry.parentPath, entry.name), 0o755);
    }
  }
  return join(folder, "bin/go");
}
