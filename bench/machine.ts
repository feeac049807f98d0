/** Where a run took place: figures without their machine say nothing. */

/** A machine and the versions of what ran on it. */
export interface Machine {
  cpu: string;
  cores: number;
  /** Main memory, in bytes. */
  memory: number;
  kernel: string;
  /** Type of the file system that pictures were stored on. */
  disk: string;
  /** Names and versions of programs. */
  versions: Record<string, string>;
}

/** Describes this machine. `folder` is on the disk that is used. */
export async function describeMachine(folder: string, project: string): Promise<Machine> {
  const info = await Deno.readTextFile("/proc/cpuinfo");
  const { version } = JSON.parse(await Deno.readTextFile(`${project}/deno.json`)) as { version: string };
  return {
    cpu: /^model name\s*:\s*(.*)$/m.exec(info)?.[1] ?? Deno.build.arch,
    cores: navigator.hardwareConcurrency,
    memory: Deno.systemMemoryInfo().total,
    kernel: `Linux ${Deno.osRelease()}`,
    disk: await firstLine("stat", ["-f", "-c", "%T", folder]) ?? "unknown",
    versions: known({
      ImgRouter: version,
      Deno: Deno.version.deno,
      V8: Deno.version.v8,
      wrk: numberIn(await firstLine("wrk", ["-v"])),
      hey: numberIn(await firstLine("dpkg-query", ["-W", "-f", "${Version}", "hey"])),
      nginx: numberIn(await firstLine("nginx", ["-v"])),
    }),
  };
}

function numberIn(line: string | undefined): string | undefined {
  return line && (/\d+\.\d+[\w.+-]*/.exec(line)?.[0] ?? line);
}

function known(versions: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(versions).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** What a program says first, on either output; nothing where it is not there. */
async function firstLine(program: string, args: string[]): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await new Deno.Command(program, { args }).output();
    const text = new TextDecoder();
    return (text.decode(stdout) + text.decode(stderr)).split("\n")[0]?.trim() || undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
