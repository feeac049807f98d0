/**
 * A real S3 server for tests: Ceph's RADOS Gateway with one monitor and one store in memory, on free ports of
 * this machine. An imitation would only agree with our own mistakes.
 */
import { randomInt, randomUUID } from "node:crypto";
import { connect } from "node:net";
import { join } from "node:path";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { systemClock } from "../core/clock.ts";

/** What Debian calls the packages. */
export const CEPH_PACKAGES = ["radosgw", "ceph-mon", "ceph-osd", "ceph-common"];

const PROGRAMS = ["radosgw", "radosgw-admin", "ceph-mon", "ceph-osd", "ceph", "monmaptool", "setpriv"];
/** How long a command may take, and a daemon until it listens or has ended; ms. */
const PATIENCE = 30_000;
const POLL_EVERY = 20;
const REGION = "us-east-1";

/** A key pair that the server knows. */
export interface CephUser {
  accessKey: string;
  secretKey: string;
}

/** A running server, with the keys of its first user. */
export interface Ceph extends CephUser, AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  endpoint: string;
  region: string;
  /** Makes a bucket of the first user. */
  makeBucket(name: string): Promise<void>;
  /** Makes another user, who may neither read nor write what belongs to the first. */
  addUser(): Promise<CephUser>;
  /** Ends the gateway, so that its port refuses connections; what is stored stays. */
  stopGateway(): Promise<void>;
  /** Starts it again on the same port. */
  startGateway(): Promise<void>;
}

/** Those of the needed programs that this machine does not have. */
export async function missingPrograms(): Promise<string[]> {
  const missing = await Promise.all(PROGRAMS.map(async (program) => {
    const { success } = await new Deno.Command("sh", {
      args: ["-c", `command -v ${program}`],
      stdout: "null",
    })
      .output();
    return success ? [] : [program];
  }));
  return missing.flat();
}

/** Starts a server, in some two seconds. @throws Error with the end of its logs where it does not come up */
export async function startCeph(): Promise<Ceph> {
  await using undo = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "imgrouter-ceph-" });
  undo.defer(() => Deno.remove(folder, { recursive: true }));
  for (const name of ["run", "log", "mon", "osd"]) await Deno.mkdir(join(folder, name));
  const [port, ...monitorPorts] = freePorts(3) as [number, number, number];
  const monitor = `[v2:127.0.0.1:${monitorPorts[0]},v1:127.0.0.1:${monitorPorts[1]}]`;
  const fsid = randomUUID();
  const osd = randomUUID();
  await Deno.writeTextFile(join(folder, "ceph.conf"), settings({ folder, fsid, monitor, port }));

  const at = ["-c", join(folder, "ceph.conf")];
  const run = (program: string, ...args: string[]) => runToEnd(program, [...at, ...args], folder);
  const daemon = (program: string, end: Deno.Signal, ...args: string[]) =>
    new Daemon(program, [...at, "-f", ...args], end);
  const monmap = join(folder, "monmap");
  await run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", monitor, monmap);
  await run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap);
  undo.use(daemon("ceph-mon", "SIGTERM", "-i", "a"));
  await run("ceph", "osd", "create", osd);
  await run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd);
  await run("ceph", "osd", "crush", "add", "osd.0", "1.0", "root=default", "host=local");
  undo.use(daemon("ceph-osd", "SIGKILL", "-i", "0"));

  let gateway: Daemon | undefined;
  const stopGateway = async () => {
    await gateway?.[Symbol.asyncDispose]();
    gateway = undefined;
  };
  const startGateway = async () => {
    gateway ??= daemon("radosgw", "SIGTERM", "-n", "client.rgw.a");
    await untilListening(port, gateway, folder);
  };
  undo.defer(stopGateway);
  await startGateway();

  const addUser = async () => {
    const user = { accessKey: `AK${hex(9)}`, secretKey: hex(20) };
    const uid = `user-${user.accessKey}`;
    const keys = [`--access-key=${user.accessKey}`, `--secret-key=${user.secretKey}`];
    await run("radosgw-admin", "user", "create", `--uid=${uid}`, `--display-name=${uid}`, ...keys);
    return user;
  };
  const first = await addUser();
  const endpoint = `http://127.0.0.1:${port}`;
  const resources = undo.move();
  return {
    endpoint,
    region: REGION,
    ...first,
    makeBucket: async (name) => {
      const client = new S3Client({
        endpoint,
        region: REGION,
        forcePathStyle: true,
        credentials: { accessKeyId: first.accessKey, secretAccessKey: first.secretKey },
      });
      try {
        await client.send(new CreateBucketCommand({ Bucket: name }));
      } finally {
        client.destroy();
      }
    },
    addUser,
    stopGateway,
    startGateway,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

function settings(
  { folder, fsid, monitor, port }: { folder: string; fsid: string; monitor: string; port: number },
): string {
  return `[global]
fsid = ${fsid}
mon host = ${monitor}
public addr = 127.0.0.1
ms bind ipv6 = false
auth cluster required = none
auth service required = none
auth client required = none
auth supported = none
# Without it the gateway never gets past authentication.
ms mon client mode = crc
# Without it the start takes twelve seconds.
paxos propose interval = 0.05
run dir = ${folder}/run
log file = ${folder}/log/$name.log
mon data = ${folder}/mon
osd data = ${folder}/osd
osd objectstore = memstore
memstore device bytes = 2147483648
osd pool default size = 1
mon allow pool size one = true
osd pool default pg num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd class update on start = false
[client.rgw.a]
rgw frontends = beast endpoint=127.0.0.1:${port}
`;
}

/** A program that runs until it is disposed of. */
class Daemon implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  ended = false;

  constructor(readonly program: string, args: string[], private readonly end: Deno.Signal) {
    this.#process = new Deno.Command("setpriv", {
      // The system kills it with us, however we end: a test run that is killed leaves nothing behind either.
      args: ["--pdeathsig", "KILL", "--", program, ...args],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    void this.#process.status.then(() => this.ended = true);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const kill = (signal: Deno.Signal) => {
      if (!this.ended) this.#process.kill(signal);
    };
    kill(this.end);
    using limit = systemClock.timeout(PATIENCE);
    limit.signal.addEventListener("abort", () => kill("SIGKILL"));
    await this.#process.status;
  }
}

async function runToEnd(program: string, args: string[], folder: string): Promise<void> {
  using limit = systemClock.timeout(PATIENCE);
  const { success, stderr } = await new Deno.Command(program, { args, stdout: "null", signal: limit.signal })
    .output();
  if (success) return;
  const words = new TextDecoder().decode(stderr).trim();
  throw new Error(`Cannot start Ceph: ${program} failed\n${words}\n${await logs(folder)}`);
}

async function untilListening(port: number, daemon: Daemon, folder: string): Promise<void> {
  const end = performance.now() + PATIENCE;
  while (!await isListening(port)) {
    if (daemon.ended || performance.now() > end) {
      const what = daemon.ended ? "has ended" : `does not listen on port ${port}`;
      throw new Error(`Cannot start Ceph: ${daemon.program} ${what}\n${await logs(folder)}`);
    }
    await systemClock.sleep(POLL_EVERY);
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const tell = (answer: boolean) => {
      socket.destroy();
      socket.once("close", () => resolve(answer));
    };
    socket.once("connect", () => tell(true));
    socket.once("error", () => tell(false));
  });
}

/** Ports below those that the system gives away by itself: nobody takes one while the gateway is stopped. */
function freePorts(count: number): number[] {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(10_000, 30_000);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      ports.add(port);
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  return [...ports];
}

async function logs(folder: string): Promise<string> {
  const files = await Array.fromAsync(Deno.readDir(join(folder, "log")));
  const ends = files.map(async ({ name }) => {
    const text = await Deno.readTextFile(join(folder, "log", name));
    return `${name}:\n${text.split("\n").slice(-20).join("\n")}`;
  });
  return (await Promise.all(ends)).join("\n");
}

function hex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}
