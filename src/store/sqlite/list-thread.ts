/** Entry of the list thread: long reads run here, away from the calls, each with a deadline. */
import { parentPort, workerData } from "node:worker_threads";
import type { UserState } from "../../verification/user/state.ts";
import type { UserPage, UserQuery } from "../user-query.ts";
import { openForReading } from "./connection.ts";
import { listUsersSql, type Sql } from "./user-list-sql.ts";

export interface ListRequest {
  readonly id: number;
  readonly query: UserQuery;
}

export type ListResponse =
  | { readonly id: number; readonly kind: "page"; readonly page: UserPage }
  | { readonly id: number; readonly kind: "timedOut" }
  | { readonly id: number; readonly kind: "error"; readonly error: Error };

const LAST_POSITION: Sql = {
  text: "SELECT coalesce(max(position), 0) AS position FROM events",
  parameters: [],
};

class TimedOut extends Error {}

const port = parentPort;
if (port === null) throw new Error("list-thread runs as a worker");
const database = openForReading((workerData as { path: string }).path);
let deadlineMs = 0;
database.function("fold", { deterministic: true }, (text) => String(text).toLowerCase());
// Not deterministic, so that SQLite asks again for every row: the only way to stop a running statement from within.
database.function("within_deadline", { deterministic: false }, () => {
  if (performance.now() >= deadlineMs) throw new TimedOut();
  return 1;
});

port.on("message", ({ id, query }: ListRequest) => {
  let response: ListResponse;
  try {
    response = { id, kind: "page", page: listUsers(query) };
  } catch (error) {
    response =
      error instanceof TimedOut
        ? { id, kind: "timedOut" }
        : { id, kind: "error", error: error instanceof Error ? error : new Error(String(error)) };
  }
  port.postMessage(response);
});

/** One transaction, so that page, total and position belong together. */
function listUsers(query: UserQuery): UserPage {
  deadlineMs = performance.now() + query.timeoutMs;
  const { page, total } = listUsersSql(query);
  return database.transaction(() => ({
    users: all<{ userId: string; state: string }>(page).map(({ userId, state }) => ({
      userId,
      state: JSON.parse(state) as UserState,
    })),
    total: all<{ total: number }>(total)[0]?.total ?? 0,
    position: all<{ position: number }>(LAST_POSITION)[0]?.position ?? 0,
  }))();
}

function all<Row>({ text, parameters }: Sql): Row[] {
  return database.prepare(text).all(...parameters) as Row[];
}
