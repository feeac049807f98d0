/**
 * Sockets like those of clients far away: small segments, and a receive buffer of a few segments. On loopback
 * the kernel would otherwise take in megabytes for a reader that does not read, and nobody would have to hold
 * them. Deno has no options for either, so the sockets are libc's, read without waiting.
 */

// Constants of Linux, the same on x86 and ARM.
const AF_INET = 2;
const SOCK_STREAM = 1;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const IPPROTO_TCP = 6;
const TCP_MAXSEG = 2;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

const SEGMENT_BYTES = 1460; // as over Ethernet
const BUFFER_BYTES = 64 * 1024;

const libc = Deno.dlopen("libc.so.6", {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
}).symbols;

/** A connection to a port of this machine. */
export class FarSocket implements Disposable {
  readonly #file: number;

  /** @throws Error if nobody listens there */
  constructor(port: number) {
    this.#file = libc.socket(AF_INET, SOCK_STREAM, 0);
    this.#set(SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES);
    this.#set(IPPROTO_TCP, TCP_MAXSEG, SEGMENT_BYTES);
    const address = new DataView(new ArrayBuffer(16));
    address.setUint16(0, AF_INET, true);
    address.setUint16(2, port);
    address.setUint32(4, 0x7f000001);
    if (libc.connect(this.#file, new Uint8Array(address.buffer), address.byteLength) !== 0) {
      throw new Error(`Cannot connect: nobody listens at port ${port}`);
    }
  }

  /** Sends everything, waiting where the other side is slow. @throws Error if it hung up */
  send(bytes: Uint8Array<ArrayBuffer>): void {
    for (let rest = bytes; rest.length > 0;) {
      const sent = Number(libc.send(this.#file, rest, BigInt(rest.length), MSG_NOSIGNAL));
      if (sent < 0) throw new Error("Cannot send: the connection is closed");
      rest = rest.subarray(sent);
    }
  }

  /** Takes what is there into `into`. @returns how many bytes; 0 = the other side is done; nothing = none yet */
  receive(into: Uint8Array<ArrayBuffer>): number | undefined {
    const got = Number(libc.recv(this.#file, into, BigInt(into.length), MSG_DONTWAIT));
    return got < 0 ? undefined : got;
  }

  [Symbol.dispose](): void {
    libc.close(this.#file);
  }

  #set(level: number, option: number, value: number): void {
    const bytes = new Uint8Array(new Int32Array([value]).buffer);
    if (libc.setsockopt(this.#file, level, option, bytes, bytes.length) !== 0) {
      throw new Error(`Cannot set option ${option} of a socket to ${value}`);
    }
  }
}
