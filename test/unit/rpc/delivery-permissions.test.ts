// Who may see and change which mail, with a real store: every method, every kind of caller.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DeliveryService } from "../../../gen/countersign/v1/delivery_service_pb.ts";
import { BounceType } from "../../../gen/countersign/v1/delivery_pb.ts";
import { readBounceReport } from "../../../src/mail/bounce/bounce-report.ts";
import type { Call } from "../../../src/rpc/call.ts";
import { describeAccess } from "../../../src/rpc/chain.ts";
import { createDeliveryService } from "../../../src/rpc/delivery-service.ts";
import { Keyring } from "../../../src/store/keyring.ts";
import { SqliteStore } from "../../../src/store/sqlite/sqlite-store.ts";
import type { Caller, Permission } from "../../../src/verification/caller.ts";
import { FailureError } from "../../../src/verification/failures.ts";
import { World } from "../../contract/world.ts";

const [OURS, THEIRS] = ["org-1", "org-2"];
type Service = ReturnType<typeof createDeliveryService>;
type Method = keyof Service;

const folder = mkdtempSync(join(tmpdir(), "countersign-permissions-"));
let world: World;
let service: Service;
/** Of a user of OURS. */
let deliveryId: string;

beforeAll(async () => {
  world = new World(await SqliteStore.open({ path: join(folder, "test.db") }));
  for (const organizationId of [OURS, THEIRS]) await world.addOrganization(organizationId);
  await world.addUser("ada", { email: { address: "ada@example.com", verification: { kind: "send" } } });
  await world.addUser("eve", {
    organizationId: THEIRS,
    email: { address: "eve@example.com", verification: { kind: "send" } },
  });
  const { store, environments } = world;
  const keyring = new Keyring([new Uint8Array(32)]);
  service = createDeliveryService({ store, environments, keyring, readBounceReport });
  const page = await store.listDeliveries({ userId: "ada", limit: 1, timeoutMs: 1_000 });
  deliveryId = page.deliveries[0]?.deliveryId ?? "";
});
afterAll(async () => {
  await world.store.close();
  rmSync(folder, { recursive: true });
});

function caller(permissions: readonly Permission[], organizationId?: string): Caller {
  const grant = { permissions, ...(organizationId !== undefined && { organizationId }) };
  return { kind: "principal", userId: "someone", organizationId: OURS, grants: [grant] };
}

const READ: readonly Permission[] = ["user.read"];
const WRITE: readonly Permission[] = ["user.read", "user.write"];

const CALLERS = {
  "a reader everywhere": caller(READ),
  "a reader here": caller(READ, OURS),
  "a reader elsewhere": caller(READ, THEIRS),
  "a writer everywhere": caller(WRITE),
  "a writer here": caller(WRITE, OURS),
  "a writer elsewhere": caller(WRITE, THEIRS),
  "the user": {
    kind: "principal",
    userId: "ada",
    organizationId: OURS,
    grants: [{ permissions: ["user.self.delete"] }],
  },
} as const satisfies Record<string, Caller>;

function ask<Name extends Method>(
  name: Name,
  request: MessageInitShape<(typeof DeliveryService)["method"][Name]["input"]>,
  from: Caller,
) {
  const method = DeliveryService.method[name];
  const call = { caller: from, headers: new Headers(), method } as unknown as Call;
  return (service[name] as (message: unknown, of: Call) => Promise<unknown>)(
    create(method.input, request as never),
    call,
  );
}

async function reasonOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "ok";
  } catch (error) {
    if (error instanceof FailureError) return error.failure.name;
    throw error;
  }
}

const HERE = ["a writer everywhere", "a writer here"];
const READERS_HERE = [...HERE, "a reader everywhere", "a reader here"];

const CASES: readonly (readonly [name: Method, request: () => object, allowed: readonly string[]])[] = [
  ["getDelivery", () => ({ deliveryId }), READERS_HERE],
  ["listDeliveries", () => ({ organizationId: OURS }), READERS_HERE],
  ["listSuppressions", () => ({ organizationId: OURS }), READERS_HERE],
  ["retryDelivery", () => ({ deliveryId }), HERE],
  ["sendTestMail", () => ({ recipient: "op@example.com", organizationId: OURS }), HERE],
  [
    "reportBounce",
    () => ({
      report: { case: "bounce", value: { messageId: `<${deliveryId}@localhost>`, type: BounceType.DELAYED } },
    }),
    HERE,
  ],
  ["removeSuppression", () => ({ address: "nobody@example.com", organizationId: OURS }), HERE],
  ["cancelDelivery", () => ({ deliveryId }), HERE],
];

describe.each(CASES)("%s", (name, request, allowed) => {
  test.each(Object.entries(CALLERS))("for %s", async (who, from) => {
    const reason = await reasonOf(ask(name, request(), from));
    const isByDelivery = "deliveryId" in request() || name === "reportBounce";
    if (allowed.includes(who)) expect(["ok", "SUPPRESSION_NOT_FOUND"]).toContain(reason);
    else if (isByDelivery && !READERS_HERE.includes(who)) expect(reason).toBe("DELIVERY_NOT_FOUND");
    else expect(reason).toMatch(/^PERMISSION_DENIED/);
  });
});

test("every method asks for its permission before the request is looked at", () => {
  const asked = Object.fromEntries(
    DeliveryService.methods.map((method) => [method.localName, describeAccess(method)]),
  );
  for (const [name, , allowed] of CASES) {
    const permission = allowed.length > HERE.length ? "user.read" : "user.write";
    expect(asked[name]).toEqual({ isPublic: false, anonymous: "refused", permission });
  }
  expect(Object.keys(asked)).toHaveLength(CASES.length);
});

test.each<[keyof typeof CALLERS, readonly string[]]>([
  ["a reader everywhere", ["eve@example.com", "ada@example.com"]],
  ["a reader here", ["ada@example.com"]],
  ["a reader elsewhere", ["eve@example.com"]],
  ["the user", []],
])("a list shows %s the mails that it may read", async (who, expected) => {
  const answer = (await ask("listDeliveries", {}, CALLERS[who])) as {
    deliveries: { recipient: string; userId: string }[];
  };
  const recipients = answer.deliveries
    .filter(({ userId }) => userId !== "")
    .map(({ recipient }) => recipient);
  expect(recipients).toEqual(expected);
});

test("a test mail belongs to the caller's organization unless it says another", async () => {
  const recipient = "own@example.com";
  expect(await reasonOf(ask("sendTestMail", { recipient }, CALLERS["a writer here"]))).toBe("ok");
  expect(await reasonOf(ask("sendTestMail", { recipient }, CALLERS["a writer elsewhere"]))).toMatch(
    /^PERMISSION/,
  );
  expect(
    await reasonOf(
      ask("sendTestMail", { recipient, organizationId: "none" }, CALLERS["a writer everywhere"]),
    ),
  ).toBe("ORGANIZATION_NOT_FOUND");
});

test("a test mail goes to one bare address", async () => {
  const send = (recipient: string) => reasonOf(ask("sendTestMail", { recipient }, CALLERS["a writer here"]));
  expect(await send("Ada <ada@example.com>")).toBe("EMAIL_HAS_DISPLAY_NAME");
  expect(await send("ada@example.com, eve@example.com")).toBe("EMAIL_INVALID");
});
