/** Processes of the bench: each is a service with its log in a file, and none outlives the bench. */
import { join } from "node:path";

/** A running service. */
export interface Child extends AsyncDisposable {
  pid: number;
  /** Tells it to stop, and resolves when it has. */
  stop(): Promise<void>;
}

/** What is started, and where it can be reached when it is ready. */
export interface ChildOptions {
  name: string;
  command: string[];
  /** All variables that it sees. */
  env: Record<string, string>;
  cwd: string;
  /** Folder of its log. */
  folder: string;
  /** An address that answers, whatever it answers, once it is ready. */
  readyAt: string;
}

const READY_WITHIN = 60_000;
const STOP_WITHIN = 10_000;
const running = new Set<Deno.ChildProcess>();

/** Starts a service and waits until it is ready. @throws Error with the end of its log where it isn't in time */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { name, command, env, cwd, folder, readyAt } = options;
  const log = join(folder, `${name}.log`);
  // A shell writes the log, so that reading it costs the bench nothing; `exec` keeps the process id.
  const child = track(
    new Deno.Command("sh", {
      args: ["-c", `exec "$@" >"${log}" 2>&1`, "sh", ...command],
      env,
      clearEnv: true,
      cwd,
      stdin: "null",
    }).spawn(),
  );
  const stop = async () => {
    signal(child, "SIGTERM");
    const late = setTimeout(() => signal(child, "SIGKILL"), STOP_WITHIN);
    await child.status;
    clearTimeout(late);
  };
  try {
    await untilReady(readyAt, child);
  } catch (error) {
    await stop();
    const end = (await Deno.readTextFile(log).catch(() => "")).slice(-2000);
    throw new Error(`Cannot start ${name}: ${error instanceof Error ? error.message : error}\n${end}`);
  }
  return { pid: child.pid, stop, [Symbol.asyncDispose]: stop };
}

/** Runs a program to its end and gives what it printed. @throws Error if it ended with another code than 0 */
export async function runTool(
  program: string,
  args: string[],
  { interruptAfterMs }: { interruptAfterMs?: number } = {},
): Promise<string> {
  const child = track(
    new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "piped" }).spawn(),
  );
  const timer = interruptAfterMs === undefined
    ? undefined
    : setTimeout(() => signal(child, "SIGINT"), interruptAfterMs);
  const { code, stdout, stderr } = await child.output();
  clearTimeout(timer);
  const text = new TextDecoder();
  if (code !== 0) {
    throw new Error(`${program} ended with ${code}: ${text.decode(stderr).slice(-500)}`);
  }
  return text.decode(stdout);
}

/** Ends everything that runs, at once; for a bench that is being stopped itself. */
export function killAll(): void {
  for (const child of running) signal(child, "SIGKILL");
}

/** A port that was free a moment ago. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

function track(child: Deno.ChildProcess): Deno.ChildProcess {
  running.add(child);
  void child.status.finally(() => running.delete(child));
  return child;
}

function signal(child: Deno.ChildProcess, name: Deno.Signal): void {
  // One that has ended already can't be told to; there is nothing left to do then.
  if (running.has(child)) child.kill(name);
}

async function untilReady(address: string, child: Deno.ChildProcess): Promise<void> {
  const until = Date.now() + READY_WITHIN;
  while (Date.now() < until) {
    if (!running.has(child)) throw new Error("it ended at once");
    try {
      const reply = await fetch(address, { signal: AbortSignal.timeout(READY_WITHIN) });
      await reply.body?.cancel();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error(`${address} did not answer within ${READY_WITHIN} ms`);
}
