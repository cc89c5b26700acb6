// A process with a store, told what to do by the test that started it: see store-process.ts.
import type { Store } from "../../../src/store/store.ts";
import type { UserQuery } from "../../../src/store/user-query.ts";
import { FailureError } from "../../../src/verification/failures.ts";
import { openStoreAt } from "../../support/test-store.ts";
import { World } from "../world.ts";
import type { Acknowledgement, Answer, FromChild, Request, ToChild } from "./store-process.ts";

const [path = ""] = process.argv.slice(2);
const say = (message: FromChild) => process.send?.(message);

process.on("disconnect", () => process.exit());
try {
  const store = await openStoreAt(path);
  void store.failed.then((error) => say({ kind: "failed", message: error.message }));
  process.on("message", ({ id, request }: ToChild) => {
    void perform(store, request).then((reply) => say({ kind: "reply", id, reply }));
  });
  say({ kind: "open" });
} catch (error) {
  say({ kind: "openFailed", message: String(error) });
}

async function perform(store: Store, request: Request): Promise<unknown> {
  switch (request.do) {
    case "addOrganizations":
      return addOrganizations(store, request);
    case "addOrganizationsWhileClosing": {
      const answers = addOrganizations(store, request);
      await store.close();
      return answers;
    }
    case "list":
      return list(store);
    case "listAgainAtOnce":
      return { first: await list(store), second: await list(store) };
    case "health":
      return store.isHealthy();
    case "load":
      return load(new World(store), request);
    case "close":
      return store.close();
  }
}

function addOrganizations(
  store: Store,
  { ids, linkHosts }: { readonly ids: readonly string[]; readonly linkHosts: readonly string[] },
): Promise<Answer[]> {
  const world = new World(store);
  return Promise.all(
    ids.map((organizationId) =>
      answerOf(
        store.execute(
          { type: "organization.add", organizationId, name: "name", settings: { linkHosts } },
          world.plain(),
        ),
      ),
    ),
  );
}

function list(store: Store): Promise<Answer> {
  const query: UserQuery = {
    filter: { kind: "all" },
    sort: "userId",
    ascending: true,
    offset: 0,
    limit: 10,
    timeoutMs: 10_000,
  };
  return answerOf(store.listUsers(query));
}

async function answerOf(call: Promise<unknown>): Promise<Answer> {
  try {
    await call;
    return { outcome: "done" };
  } catch (error) {
    if (!(error instanceof FailureError)) return { outcome: "error", message: String(error) };
    const { name, retryAfterMs } = error.failure;
    return { outcome: name, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  }
}

/** Callers that go on until the process ends. What was answered is told as soon as it was. */
async function load(
  world: World,
  { callers, prunes }: { readonly callers: number; readonly prunes: boolean },
): Promise<void> {
  if ((await world.store.findOrganization("org-1")) === undefined) await world.addOrganization();
  const round = (await world.list()).total;
  for (let caller = 0; caller < callers; caller++) void live(world, `user-${round}-${caller}`);
  if (prunes) void pruneEverything(world);
}

async function pruneEverything({ store, nowMs }: World): Promise<never> {
  for (;;) {
    await store.maintain({ kind: "pruneEvents", recordedBeforeMs: nowMs + 1 });
    await store.maintain({ kind: "pruneDeliveries", endedBeforeMs: nowMs + 1 });
  }
}

/** One user after the other: added, sent codes, verified after a wrong try. Mails are sent on the way. */
async function live(world: World, prefix: string): Promise<never> {
  for (let number = 0; ; number++) {
    const userId = `${prefix}-${number}`;
    const acknowledge = async (call: Promise<{ readonly details: { readonly sequence: number } }>) => {
      const { sequence } = (await call).details;
      say({ kind: "acknowledged", what: { userId, sequence } satisfies Acknowledgement });
    };
    await acknowledge(
      world.addUser(userId, {
        email: { address: `${userId}@example.com`, verification: { kind: "send" } },
      }),
    );
    await acknowledge(world.sendCode(userId));
    await world.verify(userId, "WRONG2").catch(() => {});
    await acknowledge(world.verify(userId, world.codeOf(userId)));
    const claimed = await world.store.claimDeliveries(2, world.nowMs, world.nowMs + 60_000);
    await world.settle(
      ...claimed.map(
        ({ deliveryId, leaseId }) => ({ deliveryId, leaseId, outcome: { state: "sent" } }) as const,
      ),
    );
  }
}
