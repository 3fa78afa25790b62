import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Recognized } from "../../../core/media/kind.ts";
import { ffmpeg } from "../../../session-host/media/ffmpeg.ts";
import { preview, toMp4, waveform } from "../../../session-host/media/transcode.ts";
import { until } from "../../support/until.ts";

/** A program that the gateway finds as ffmpeg. Most tests of ffmpeg itself are in `tests/debian`. */
let folder: string;
const { PATH } = process.env;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchboard-ffmpeg-"));
  process.env.PATH = `${folder}:${PATH}`;
});
afterEach(async () => {
  if (PATH !== undefined) process.env.PATH = PATH;
  await rm(folder, { recursive: true, force: true });
});

async function asFfmpeg(script: string): Promise<void> {
  const path = join(folder, "ffmpeg");
  await writeFile(path, `#!/bin/sh\nfolder=${folder}\n${script}\n`);
  await chmod(path, 0o755);
}

/** Records the name of its input when it starts, and ends when the test calls `end` with that name. */
const waiting = `
previous=
for argument; do
  [ "$previous" = -i ] && input="\${argument##*/}"
  previous="$argument"
done
echo "$input" >> "$folder/started"
while [ ! -e "$folder/end-$input" ]; do sleep 0.02; done
echo made
case "$argument" in file:*) echo made > "\${argument#file:}";; esac`;

const started = async () => {
  const text = await readFile(join(folder, "started"), "utf8").catch(() => "");
  return text.split("\n").filter(Boolean);
};
const untilStarted = (name: string) => until(async () => (await started()).includes(name) || undefined);
const end = (name: string) => writeFile(join(folder, `end-${name}`), "");

const film: Recognized = { mimetype: "video/mp4", kind: "document", convertible: "video", demuxer: "mov", h264: false };
const owner = (userId: string, instanceId = userId) => ({ userId, instanceId });

test("a preview doesn't wait for conversions, and a user's conversions leave a turn for other users", async () => {
  await asFfmpeg(waiting);
  const convert = (name: string, as: ReturnType<typeof owner>) =>
    toMp4(as, join(folder, name), film, join(folder, `${name}.mp4`));
  const ofA = ["a1", "a2", "a3", "a4"].map((name, index) =>
    convert(name, owner("a", index === 3 ? "second" : "first")),
  );
  await untilStarted("a1");
  const picture = preview(owner("b"), join(folder, "picture-of-b"), film);
  await untilStarted("picture-of-b");
  const ofB = convert("film-of-b", owner("b"));
  await untilStarted("film-of-b");
  expect(await started()).toEqual(["a1", "picture-of-b", "film-of-b"]);
  await end("picture-of-b");
  expect((await picture)?.toString()).toBe("made\n");
  await end("film-of-b");
  await ofB;
  // The other instance of the user has its turn before the second film of the first instance.
  for (const name of ["a1", "a4", "a2", "a3"]) await end(name).then(() => untilStarted(name));
  await Promise.all(ofA);
  expect((await started()).slice(0, 4)).toEqual(["a1", "picture-of-b", "film-of-b", "a4"]);
});

test("one user's waiting previews don't delay another user's preview", async () => {
  await asFfmpeg(waiting);
  const ofA = ["a1", "a2", "a3"].map((name) => preview(owner("a"), join(folder, name), film));
  await untilStarted("a1");
  const ofB = waveform(owner("b"), join(folder, "b"), { ...film, seconds: 10 });
  await untilStarted("b");
  expect(await started()).toEqual(["a1", "b"]);
  for (const name of ["b", "a1", "a2", "a3"]) await end(name);
  await Promise.all([...ofA, ofB]);
});

test("ffmpeg runs with limits on its memory, the files that it writes and core dumps, and without the environment", async () => {
  await asFfmpeg("ulimit -v; ulimit -f; ulimit -c; env | grep -c -v -E '^(PATH|PWD|SHLVL|_)='");
  process.env.SECRET_OF_TEST = "secret";
  let output = "";
  await ffmpeg([], 10_000, (chunk) => {
    output += chunk;
    return true;
  }).catch(() => undefined);
  delete process.env.SECRET_OF_TEST;
  expect(output.trim().split("\n")).toEqual(["2097152", "409600", "0", "0"]);
});

test("a process that takes too long or writes too much is killed with the processes that it started", async () => {
  const isAlive = (pid: number) => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  for (const [after, reason] of [
    ["sleep 60", "the conversion took longer than 1 s"],
    ["yes", "its output is too large"],
  ]) {
    await asFfmpeg(`sleep 60 & echo $! > "$folder/child"; ${after}`);
    let bytes = 0;
    const running = ffmpeg([], 1000, (chunk) => {
      bytes += chunk.length;
      return bytes < 1_000_000;
    });
    await expect(running).rejects.toMatchObject({
      code: "media_not_usable",
      details: expect.stringContaining(reason ?? ""),
    });
    const child = Number(await readFile(join(folder, "child"), "utf8"));
    await until(async () => !isAlive(child) || undefined);
  }
});

test("a missing ffmpeg is reported as such", async () => {
  process.env.PATH = folder;
  await expect(ffmpeg([], 1000, () => true)).rejects.toMatchObject({ name: "NoFfmpeg" });
});
