/** Entry of the list thread: long reads run here, away from the calls, each with a deadline. */
import { parentPort, workerData } from "node:worker_threads";
import type { UserState } from "../../verification/user/state.ts";
import type {
  AccessTokenPage,
  AccessTokenQuery,
  OrganizationPage,
  OrganizationQuery,
  ServiceAccountPage,
  ServiceAccountQuery,
} from "../access-query.ts";
import type {
  DeliveryPage,
  DeliveryQuery,
  DeliveryRecord,
  Suppression,
  SuppressionPage,
  SuppressionQuery,
} from "../deliveries.ts";
import type { EventPage, EventQuery } from "../event-query.ts";
import { cutPage, withoutRow } from "../page-cut.ts";
import type { UserPage, UserQuery } from "../user-query.ts";
import { listAccessTokens, listOrganizations, listServiceAccounts } from "./access-list.ts";
import { openForReading } from "./connection.ts";
import { listDeliveriesSql, listSuppressionsSql } from "./delivery-list-sql.ts";
import { EventList } from "./event-list.ts";
import { TimedOut } from "./timed-out.ts";
import { listUsersSql, type Sql } from "./user-list-sql.ts";

/** What each kind of list is asked with and answered by. */
export interface Lists {
  readonly users: { readonly query: UserQuery; readonly page: UserPage };
  readonly organizations: { readonly query: OrganizationQuery; readonly page: OrganizationPage };
  readonly serviceAccounts: { readonly query: ServiceAccountQuery; readonly page: ServiceAccountPage };
  readonly accessTokens: { readonly query: AccessTokenQuery; readonly page: AccessTokenPage };
  readonly deliveries: { readonly query: DeliveryQuery; readonly page: DeliveryPage };
  readonly suppressions: { readonly query: SuppressionQuery; readonly page: SuppressionPage };
  readonly events: { readonly query: EventQuery; readonly page: EventPage };
}

export type ListKind = keyof Lists;

export type AnyList = {
  [Kind in ListKind]: { readonly kind: Kind; readonly query: Lists[Kind]["query"] };
}[ListKind];

export type AnyPage = Lists[ListKind]["page"];

export type ToListThread = ListRequest | { readonly kind: "close" };

export interface ListRequest {
  readonly kind: "list";
  readonly id: number;
  readonly list: AnyList;
}

export type ListResponse =
  | { readonly id: number; readonly kind: "page"; readonly page: AnyPage }
  | { readonly id: number; readonly kind: "timedOut" }
  | { readonly id: number; readonly kind: "error"; readonly error: Error };

const LAST_POSITION: Sql = {
  text: "SELECT coalesce(max(position), 0) AS position FROM events",
  parameters: [],
};

const port = parentPort;
if (port === null) throw new Error("list-thread runs as a worker");
const database = openForReading((workerData as { path: string }).path);
const events = new EventList(database);
let deadlineMs = 0;
database.function("fold", { deterministic: true }, (text) => String(text).toLowerCase());
// Not deterministic, so that SQLite asks again for every row: the only way to stop a running statement from within.
database.function("within_deadline", { deterministic: false }, () => {
  if (performance.now() >= deadlineMs) throw new TimedOut();
  return 1;
});

port.on("message", (message: ToListThread) => {
  if (message.kind === "list") {
    const response = answer(message);
    port.postMessage(response);
  } else {
    database.close();
    port.close();
  }
});

function answer({ id, list }: ListRequest): ListResponse {
  try {
    deadlineMs = performance.now() + list.query.timeoutMs;
    return { id, kind: "page", page: read(list) };
  } catch (error) {
    if (error instanceof TimedOut) return { id, kind: "timedOut" };
    return { id, kind: "error", error: error instanceof Error ? error : new Error(String(error)) };
  }
}

function read(list: AnyList): AnyPage {
  switch (list.kind) {
    case "users":
      return listUsers(list.query);
    case "organizations":
      return listOrganizations(all, list.query);
    case "serviceAccounts":
      return listServiceAccounts(all, list.query);
    case "accessTokens":
      return listAccessTokens(all, list.query);
    case "deliveries":
      return listDeliveries(list.query);
    case "suppressions":
      return listSuppressions(list.query);
    case "events":
      return events.read(list.query);
  }
}

/** One transaction, so that page, total and position belong together. */
function listUsers(query: UserQuery): UserPage {
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

function listDeliveries(query: DeliveryQuery): DeliveryPage {
  const { shown, last } = cutPage(
    all<DeliveryRecord & { row: number }>(listDeliveriesSql(query)),
    query.limit,
  );
  return {
    deliveries: shown.map(withoutRow),
    next: last && { queuedAtMs: last.queuedAtMs, row: last.row },
  };
}

function listSuppressions(query: SuppressionQuery): SuppressionPage {
  const { shown, last } = cutPage(
    all<Suppression & { row: number }>(listSuppressionsSql(query)),
    query.limit,
  );
  return { suppressions: shown.map(withoutRow), next: last?.row };
}

function all<Row>({ text, parameters }: Sql): Row[] {
  return database.prepare(text).all(...parameters) as Row[];
}
