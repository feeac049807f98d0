/** How a user starts the gateway: the task `start` of deno.json, taken apart so that the bench can measure it. */
import { join } from "node:path";

/** The project's folder. */
export const PROJECT = join(import.meta.dirname!, "..");

/**
 * The command behind `deno task start` with its permissions as they are for these variables. The task's shell
 * would be a process of its own, whose memory is not the gateway's.
 * @param flags further flags of `deno run`. @throws Error if the task does not look as it did
 */
export async function startCommand(env: Record<string, string>, flags: string[] = []): Promise<string[]> {
  const { tasks } = JSON.parse(await Deno.readTextFile(join(PROJECT, "deno.json")));
  const task: string = tasks.start.command ?? tasks.start;
  const found = /^deno run (.*)\$\(deno (run .*)\) main\.ts$/.exec(task);
  if (!found) {
    throw new Error(
      `Cannot read the task 'start': expected 'deno run … $(deno run …) main.ts', got '${task}'`,
    );
  }
  const [, fixed = "", inner = ""] = found;
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: inner.split(" "),
    cwd: PROJECT,
    env,
    clearEnv: true,
  }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(`Cannot read permissions of the start: ${text.decode(stderr)}`);
  const permissions = text.decode(stdout).trim().split(" ");
  return [Deno.execPath(), "run", ...flags, ...fixed.trim().split(" "), ...permissions, "main.ts"];
}
