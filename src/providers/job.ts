/**
 * Waiting, once for all services that take a job and let one ask for it: growing pauses with chance in them,
 * the service's own hints, and a word to it when nobody waits any more.
 */
import { CONSEQUENCES, Failed, type FailureKind } from "../core/failure.ts";
import type { Growth } from "../core/pause.ts";
import type { Call, Made, Operation, Ticket } from "../core/provider.ts";
import type { ImageRequest } from "../core/request.ts";

/** What a service says of a job. */
export type JobState =
  /** Not done; `share` from 0 to 1, `waitMs` as the service asks for it. */
  | { state: "pending"; share?: number; waitMs?: number }
  | { state: "done"; made: Made }
  /** Not known there, or not yet; said several times in a row, the job counts as lost. */
  | { state: "unknown"; message: string };

/** A service that takes jobs. */
export interface JobService {
  /** Hands the job in; some services answer at once. @throws Failed */
  submit(request: ImageRequest, call: Call): Promise<Ticket | Made>;
  /** Asks how it is. A job that failed throws `Failed`. */
  check(ticket: Ticket, call: Call, request: ImageRequest): Promise<JobState>;
  /** Takes it back. Absent where the service can't. */
  cancel?(ticket: Ticket, call: Call): Promise<unknown>;
  /** Pauses between two questions, in ms. Default 1 s growing to 5 s. */
  pace?: Growth;
  /** Whether a question stays open until there is news, as streams do: the first is asked at once then. */
  listens?: boolean;
}

const PACE: Growth = { first: 1000, most: 5000 };
/** Questions in a row that may fail before the job is given up: the job itself goes on meanwhile. */
const PATIENCE = 5;

/** Makes a plain operation of a service that takes jobs. A job is handed in once, however often it is asked for. */
export function job(service: JobService): Operation {
  return async (request, call) => {
    const submitted = await service.submit(request, call);
    if ("images" in submitted) return submitted;
    call.accepted(submitted);
    try {
      return await wait(service, submitted, request, call);
    } catch (error) {
      if (call.signal.aborted) await service.cancel?.(submitted, call.afterwards()).catch(() => {});
      throw error;
    }
  };
}

async function wait(service: JobService, ticket: Ticket, request: ImageRequest, call: Call): Promise<Made> {
  const { pace = PACE } = service;
  let failedInRow = 0;
  let waitMs: number | undefined;
  for (let turn = 1;; turn++) {
    if (turn > 1 || !service.listens) {
      await (waitMs === undefined ? call.pause(turn, pace) : call.sleep(waitMs));
    }
    try {
      const said = await service.check(ticket, call, request);
      if (said.state === "done") return said.made;
      if (said.state === "unknown") {
        if (++failedInRow > PATIENCE) throw new Failed({ kind: "empty_reply", message: said.message });
        waitMs = undefined;
        continue;
      }
      failedInRow = 0;
      waitMs = said.waitMs;
      if (said.share !== undefined) call.progress(said.share);
    } catch (error) {
      if (call.signal.aborted || ++failedInRow > PATIENCE || !isOfTheQuestion(error)) throw error;
      waitMs = error instanceof Failed ? error.failure.retryAfterMs : undefined;
    }
  }
}

/** Whether the question failed rather than the job: the line broke, or the service was too busy to answer. */
function isOfTheQuestion(error: unknown): boolean {
  if (!(error instanceof Failed)) return error instanceof TypeError;
  const { kind, status } = error.failure;
  // A failure without a status is what the adapter read out of a job's state.
  return CONSEQUENCES[kind].again && (status !== undefined || kind === "unreachable");
}

/** What each word for a state means; every member of a service's states has a row. */
export type StateTable<S extends string> = Readonly<Record<S, "pending" | "done" | FailureKind>>;

/**
 * Reads a word for a state. A word that is not in the table counts as pending, so that a new one does not
 * throw away a job that was paid for; the time limit ends it at last.
 */
export function readState<S extends string>(
  table: StateTable<S>,
  word: string,
): "pending" | "done" | FailureKind {
  return Object.hasOwn(table, word) ? table[word as S] : "pending";
}
