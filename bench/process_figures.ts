/** What a process and its children cost, as the kernel counts it (proc(5)). */

const TICKS_A_SECOND = 100; // USER_HZ, fixed at 100 on all architectures that Deno runs on
const KIB = 1024;
const PAUSE_MS = 100;

/** CPU time of a process and all below it since they began, in seconds, kernel and user together. */
export function cpuSeconds(pid: number): number {
  let ticks = 0;
  for (const one of treeOf(pid)) {
    // The name in parentheses may hold blanks; utime, stime and those of waited-for children are fields 14 to 17.
    const fields = read(`/proc/${one}/stat`).replace(/^.*\) /s, "").split(" ");
    ticks += [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index] ?? 0), 0);
  }
  return ticks / TICKS_A_SECOND;
}

/** Resident memory of a process and all below it, in bytes: now, and at most since `resetPeak()`. */
export function memoryOf(pid: number): { rss: number; peak: number } {
  const memory = { rss: 0, peak: 0 };
  for (const one of treeOf(pid)) {
    const status = read(`/proc/${one}/status`);
    memory.rss += KIB * Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    memory.peak += KIB * Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  }
  return memory;
}

/** Lets the peak of memory begin anew; where the kernel has no way to, peaks stay those since the start. */
export function resetPeak(pid: number): void {
  for (const one of treeOf(pid)) {
    try {
      Deno.writeTextFileSync(`/proc/${one}/clear_refs`, "5");
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied)) {
        throw error;
      }
    }
  }
}

/**
 * Waits until a process has done what it put off, `limitMs` at most.
 * @returns how long that took, in seconds; 0 where it was idle at once
 */
export async function untilIdle(pid: number, limitMs: number): Promise<number> {
  const begin = Date.now();
  let busyUntil = begin;
  let before = cpuSeconds(pid);
  // Idle is less than a fifth of a core, twice in a row.
  for (let calm = 0; calm < 2 && Date.now() - begin < limitMs;) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const now = cpuSeconds(pid);
    calm = now - before <= 0.2 * PAUSE_MS / 1000 ? calm + 1 : 0;
    if (calm === 0) busyUntil = Date.now();
    before = now;
  }
  return (busyUntil - begin) / 1000;
}

function treeOf(pid: number): number[] {
  const tree = [pid];
  for (let at = 0; at < tree.length; at++) {
    for (const thread of threadsOf(tree[at]!)) {
      const children = read(`/proc/${tree[at]}/task/${thread}/children`).trim();
      if (children !== "") tree.push(...children.split(" ").map(Number));
    }
  }
  return tree;
}

function threadsOf(pid: number): string[] {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** A file of the kernel; empty where its process has just ended. */
function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    // ESRCH: the process went away between opening and reading.
    if (
      error instanceof Deno.errors.NotFound || (error instanceof Error && /os error 3\b/.test(error.message))
    ) {
      return "";
    }
    throw error;
  }
}
