/**
 * The database of a single machine: one SQLite file, spoken to through Kysely. Everything that only SQLite
 * knows is here, so that another dialect can take its place without its users noticing.
 */
import { DatabaseSync } from "node:sqlite";
import { CompiledQuery, type DatabaseConnection, type Driver, SqliteAdapter } from "kysely";
import { SqliteDialect } from "kysely-sqlite";
import { type Clock, systemClock } from "../core/clock.ts";
import { remembered } from "../core/remembered.ts";

/** How long a statement waits in ms while another process or handle is writing, before it fails. */
const BUSY_MS = 5000;
/** How much of that may block this process at a time; the rest is waited for with other work going on. */
const BLOCKING_MS = 5;
const PAUSE_MS = 10;
/** https://sqlite.org/rescode.html#busy; the higher bits of a code tell the circumstances. */
const SQLITE_BUSY = 5;

/**
 * A dialect over the file at `path`, which is made if it is not there; its folder must exist.
 * `:memory:` gives a database that lives as long as its connection.
 */
export function sqliteDialect(path: string, { clock = systemClock }: { clock?: Clock } = {}): SqliteDialect {
  return new OneFile(path, clock);
}

class OneFile extends SqliteDialect {
  constructor(path: string, private readonly clock: Clock) {
    super({ database: () => whenFree(() => openFile(path), clock) });
  }

  /**
   * A transaction that starts by reading may not wait for its turn to write: SQLite fails it at once, whatever
   * the time limit. Taking the write lock at the start makes it queue. https://sqlite.org/lang_transaction.html
   */
  override createDriver(): Driver {
    const driver = super.createDriver();
    const acquire = driver.acquireConnection.bind(driver);
    driver.acquireConnection = async () => patient(await acquire(), this.clock);
    driver.beginTransaction = async (connection) => {
      await connection.executeQuery(CompiledQuery.raw("begin immediate"));
    };
    return driver;
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter();
  }
}

/** Lets migrations run in one transaction: half a schema is never left behind, and two starts take turns. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

function openFile(path: string): DatabaseSync {
  const file = new DatabaseSync(path, { timeout: BLOCKING_MS, enableForeignKeyConstraints: true });
  try {
    file.exec("pragma journal_mode = wal");
    file.exec("pragma synchronous = normal");
    return rememberingStatements(file);
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Statements are kept, since the same few are asked for with every request, and preparing one costs more than running it. */
const MAX_STATEMENTS = 200;

function rememberingStatements(file: DatabaseSync): DatabaseSync {
  file.prepare = remembered(file.prepare.bind(file), { most: MAX_STATEMENTS });
  return file;
}

function patient(connection: DatabaseConnection, clock: Clock): DatabaseConnection {
  return {
    executeQuery: (query) => whenFree(() => connection.executeQuery(query), clock),
    streamQuery: (query, chunkSize) => connection.streamQuery(query, chunkSize),
  };
}

/** Tries again while the database is busy. SQLite's own waiting would stop everything else in this process. */
async function whenFree<T>(action: () => T | Promise<T>, clock: Clock): Promise<T> {
  const deadline = clock.now() + BUSY_MS;
  while (true) {
    try {
      return await action();
    } catch (error) {
      if (!isBusy(error) || clock.now() >= deadline) throw error;
      await clock.sleep(PAUSE_MS);
    }
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number" &&
    (error.errcode & 0xff) === SQLITE_BUSY;
}
