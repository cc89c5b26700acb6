/**
 * Lists: each in one transaction that sees one moment, given up by the server past its deadline.
 *
 * Few run at a time, so that they leave connections to the calls; the others wait, and their time with them does not
 * count.
 */
import { failure, FailureError } from "../../verification/failures.ts";
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
import type { Database } from "./database.ts";
import { listDeliveriesSql, listSuppressionsSql } from "./delivery-list-sql.ts";
import { isStatementTimeout, refusalOf } from "./errors.ts";
import { listEvents } from "./event-list.ts";
import { SELECT_HEAD } from "./positions.ts";
import { numbered, type AskSql } from "./sql-text.ts";
import { listUsersSql } from "./user-list-sql.ts";

const MAX_WAITING_LISTS = 64;
const OVERLOAD_RETRY_MS = 1_000;
const EVENTS_GRACE_MS = 2_000;

export class Lists {
  readonly #database: Database;
  readonly #maxRunning: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** @param maxRunning how many may run at a time */
  constructor(database: Database, maxRunning: number) {
    this.#database = database;
    this.#maxRunning = maxRunning;
  }

  users(query: UserQuery): Promise<UserPage> {
    const { page, total } = listUsersSql(query);
    return this.#list(query.timeoutMs, async (ask) => {
      const [users, counts, heads] = await Promise.all([
        ask<{ userId: string; state: string }>(page),
        ask<{ total: number }>(total),
        ask<{ position: number }>({ text: SELECT_HEAD.text, values: [] }),
      ]);
      return {
        users: users.map(({ userId, state }) => ({ userId, state: JSON.parse(state) as UserState })),
        total: counts[0]?.total ?? 0,
        position: heads[0]?.position ?? 0,
      };
    });
  }

  deliveries(query: DeliveryQuery): Promise<DeliveryPage> {
    return this.#list(query.timeoutMs, async (ask) => {
      const rows = await ask<DeliveryRecord & { row: number }>(listDeliveriesSql(query));
      const { shown, last } = cutPage(rows, query.limit);
      return {
        deliveries: shown.map(withoutRow),
        next: last && { queuedAtMs: last.queuedAtMs, row: last.row },
      };
    });
  }

  suppressions(query: SuppressionQuery): Promise<SuppressionPage> {
    return this.#list(query.timeoutMs, async (ask) => {
      const rows = await ask<Suppression & { row: number }>(listSuppressionsSql(query));
      const { shown, last } = cutPage(rows, query.limit);
      return { suppressions: shown.map(withoutRow), next: last?.row };
    });
  }

  organizations(query: OrganizationQuery): Promise<OrganizationPage> {
    return this.#list(query.timeoutMs, (ask) => listOrganizations(ask, query));
  }

  serviceAccounts(query: ServiceAccountQuery): Promise<ServiceAccountPage> {
    return this.#list(query.timeoutMs, (ask) => listServiceAccounts(ask, query));
  }

  accessTokens(query: AccessTokenQuery): Promise<AccessTokenPage> {
    return this.#list(query.timeoutMs, (ask) => listAccessTokens(ask, query));
  }

  /** Ends its pages by itself; the time-out is for a server that takes too long over one stretch. */
  events(query: EventQuery): Promise<EventPage> {
    return this.#list(query.timeoutMs + EVENTS_GRACE_MS, (ask) => listEvents(ask, query));
  }

  async #list<Page>(timeoutMs: number, read: (ask: AskSql) => Promise<Page>): Promise<Page> {
    await this.#turn();
    try {
      if (timeoutMs <= 0) throw timedOut();
      return await this.#database.readTogether(timeoutMs, (transaction) =>
        read(async (query) => (await transaction.query<never>(numbered(query), query.values)).rows),
      );
    } catch (error) {
      throw isStatementTimeout(error) ? timedOut(error) : refusalOf(error);
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  async #turn(): Promise<void> {
    if (this.#running >= this.#maxRunning) {
      if (this.#waiting.length >= MAX_WAITING_LISTS) {
        throw new FailureError(failure("OVERLOADED", { retryAfterMs: OVERLOAD_RETRY_MS }));
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running += 1;
  }
}

function timedOut(cause?: unknown): FailureError {
  return new FailureError(failure("QUERY_TIMED_OUT"), { cause });
}
