import { spawn } from "node:child_process";
import { AppError } from "../../core/error.ts";
import { maxMediaBytes } from "../../core/media/index.ts";

/** ffmpeg is not installed. */
export class NoFfmpeg extends Error {
  override readonly name = "NoFfmpeg";
}

/** Returns the error for a file that can't be used without ffmpeg. `what` is the subject of the message. */
export const ffmpegMissing = (what: string) =>
  new AppError(
    "not_supported",
    `${what} must be converted, but ffmpeg is not installed on the session host (apt-get install ffmpeg)`,
  );

/** Returns the error for an ffmpeg that was built without an encoder. */
const encoderMissing = (encoder: string, cause: Error) =>
  new AppError(
    "not_supported",
    `the file must be converted, but the ffmpeg on the session host has no encoder ${encoder}: install a complete one (apt-get install ffmpeg)`,
    { cause },
  );

/** Limits of a process: address space in units of 1024 bytes, and size of a file that it writes in units of 512 bytes. */
const maxAddressSpace = 2 * 1024 * 1024;
const maxFile = (2 * maxMediaBytes) / 512;
/** How much of the end of ffmpeg's error output is kept, in characters. */
const maxErrorOutput = 500;
/** Exit codes of the shell: the command can't be executed, or is not found. */
const notExecutable = [126, 127];

/** Sets the limits and then becomes ffmpeg. A limit can't be set if a stricter one is in force. */
const script = `{ ulimit -v ${maxAddressSpace}; ulimit -f ${maxFile}; ulimit -c 0; } 2>/dev/null; exec ffmpeg "$@"`;

/**
 * Runs ffmpeg in a process group of its own, with limits on time, memory and the size of files. Throws `NoFfmpeg`, or
 * `media_not_usable` if ffmpeg fails or takes too long. If `onOutput` returns false, ffmpeg is stopped.
 */
export async function ffmpeg(
  args: readonly string[],
  timeoutMs: number,
  onOutput: (chunk: Buffer) => boolean,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawn("/bin/sh", ["-c", script, "sh", ...args], {
    cwd: "/",
    env: { PATH: process.env.PATH ?? "" },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const kill = () => killGroup(child.pid);
  // If the host exits, ffmpeg must not go on running.
  process.once("exit", kill);
  let reason = "it is damaged or in an unknown format";
  const stop = (because: string) => {
    reason = because;
    kill();
  };
  const timer = setTimeout(() => stop(`the conversion took longer than ${timeoutMs / 1000} s`), timeoutMs);
  let errorOutput = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errorOutput = (errorOutput + text).slice(-maxErrorOutput);
  });
  child.stdout.on("data", (chunk: Buffer) => {
    if (!onOutput(chunk)) stop("its output is too large");
  });
  child.once("error", reject);
  child.once("close", (code) => {
    if (code === 0) return resolve();
    const cause = new Error(`ffmpeg ended with ${code}: ${errorOutput}`);
    const [, encoder] = /Unknown encoder '([\w-]{1,64})'/.exec(errorOutput) ?? [];
    if (encoder) reject(encoderMissing(encoder, cause));
    else if (notExecutable.includes(code ?? 0)) reject(new NoFfmpeg("ffmpeg is not installed", { cause }));
    else reject(new AppError("media_not_usable", `the file could not be converted: ${reason}`, { cause }));
  });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    process.off("exit", kill);
  }
}

/** Kills a process and the processes that it started. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // The whole group has ended.
  }
}
