/**
 * What every adapter of the Store port has to do, whatever database is behind it. An adapter's own test file calls
 * `storeContract` once and adds what is particular to its database.
 *
 * Whatever a test did, the history that it leaves behind is checked as a whole afterwards.
 */
import { afterEach, describe, expect } from "@jest/globals";
import type { Store } from "../../src/store/store.ts";
import type { Policy } from "../../src/verification/environment.ts";
import { historyProblems } from "./history-checker.ts";
import { accessContract } from "./parts/access.ts";
import { commandsContract } from "./parts/commands.ts";
import { concurrencyContract } from "./parts/concurrency.ts";
import { deliveriesContract } from "./parts/deliveries.ts";
import { deliveryViewsContract } from "./parts/delivery-views.ts";
import { erasureContract } from "./parts/erasure.ts";
import { eventsContract } from "./parts/events.ts";
import { holdsContract } from "./parts/holds.ts";
import { housekeepingContract } from "./parts/housekeeping.ts";
import { idempotencyContract } from "./parts/idempotency.ts";
import { keysContract } from "./parts/keys.ts";
import { listsContract } from "./parts/lists.ts";
import { noticesContract } from "./parts/notices.ts";
import { pruningContract } from "./parts/pruning.ts";
import { readsContract } from "./parts/reads.ts";
import { textsContract } from "./parts/texts.ts";
import { World } from "./world.ts";

/** A store on data of its own. */
export interface OpenedStore {
  readonly store: Store;
  /** Closes the store, unless the test did, and opens it again on the same data. */
  reopen(): Promise<Store>;
  /** Closes what is open and removes the data. */
  dispose(): Promise<void>;
}

/** Opens a world with one organization in it. */
export type OpenWorld = (policy?: Partial<Policy>) => Promise<OpenedWorld>;

export class OpenedWorld extends World {
  readonly #opened: OpenedStore;

  constructor(opened: OpenedStore, policy?: Partial<Policy>) {
    super(opened.store, policy);
    this.#opened = opened;
  }

  async reopen(): Promise<void> {
    this.store = await this.#opened.reopen();
  }

  dispose(): Promise<void> {
    return this.#opened.dispose();
  }
}

export function storeContract(name: string, openStore: () => Promise<OpenedStore>): void {
  describe(`${name} as a store`, () => {
    const worlds: OpenedWorld[] = [];
    const open: OpenWorld = async (policy) => {
      const world = new OpenedWorld(await openStore(), policy);
      worlds.push(world);
      await world.addOrganization();
      return world;
    };

    afterEach(async () => {
      const leftBehind = worlds.splice(0);
      try {
        for (const world of leftBehind) expect(await historyProblems(world.store)).toEqual([]);
      } finally {
        for (const world of leftBehind) await world.dispose();
      }
    });

    describe("commands", () => commandsContract(open));
    describe("organizations, service accounts and tokens", () => accessContract(open));
    describe("many callers at once", () => concurrencyContract(open));
    describe("deliveries", () => deliveriesContract(open));
    describe("deliveries as people see and change them", () => deliveryViewsContract(open));
    describe("erasure", () => erasureContract(open));
    describe("lists of events", () => eventsContract(open));
    describe("users who are held", () => holdsContract(open));
    describe("housekeeping", () => housekeepingContract(open));
    describe("commands that may come again", () => idempotencyContract(open));
    describe("uses of keys", () => keysContract(open));
    describe("notices to old addresses", () => noticesContract(open));
    describe("counters that are over", () => pruningContract(open));
    describe("lists of users", () => listsContract(open));
    describe("texts that not every database holds", () => textsContract(open));
    describe("everything else", () => readsContract(open));
  });
}
