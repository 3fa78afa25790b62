import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A checkout of an earlier commit in a temporary folder. It uses the installed packages of this checkout. */
export interface Checkout {
  root: string;
  /** The abbreviated hash of the commit. */
  commit: string;
  remove(): void;
}

/** Checks a commit out. Throws if Git does not know it. */
export function checkOut(ref: string): Checkout {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  const commit = git("rev-parse", "--short=12", "--verify", `${ref}^{commit}`);
  const folder = join(mkdtempSync(join(tmpdir(), "switchboard-before-")), "checkout");
  git("worktree", "add", "--detach", folder, commit);
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const remove = () => {
    git("worktree", "remove", "--force", folder);
    rmSync(join(folder, ".."), { recursive: true, force: true });
  };
  return { root: folder, commit, remove };
}
