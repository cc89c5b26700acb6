// Who may ask whether an address is verified, with a real store: every kind of caller.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { create } from "@bufbuild/protobuf";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VerificationService } from "../../../gen/countersign/v1/verification_service_pb.ts";
import type { Call } from "../../../src/rpc/call.ts";
import { describeAccess } from "../../../src/rpc/chain.ts";
import { createVerificationService } from "../../../src/rpc/verification-service.ts";
import { SqliteStore } from "../../../src/store/sqlite/sqlite-store.ts";
import type { Caller, Permission } from "../../../src/verification/caller.ts";
import { FailureError } from "../../../src/verification/failures.ts";
import { World } from "../../contract/world.ts";

const [OURS, THEIRS] = ["org-1", "org-2"];
const { getEmailStatus, checkCode } = VerificationService.method;

const folder = mkdtempSync(join(tmpdir(), "countersign-email-status-"));
let world: World;

beforeAll(async () => {
  world = new World(await SqliteStore.open({ path: join(folder, "test.db") }));
  for (const organizationId of [OURS, THEIRS]) await world.addOrganization(organizationId);
  await world.addUser("ada", { email: { address: "ada@example.com", verification: { kind: "none" } } });
});
afterAll(async () => {
  await world.store.close();
  rmSync(folder, { recursive: true });
});

function caller(userId: string, permissions: readonly Permission[], organizationId?: string): Caller {
  const grant = { permissions, ...(organizationId !== undefined && { organizationId }) };
  return { kind: "principal", userId, organizationId: OURS, grants: [grant] };
}

async function ask(from: Caller, userId = "ada"): Promise<string> {
  const service = createVerificationService(world);
  const call = { caller: from } as unknown as Call;
  try {
    const { status } = await service.getEmailStatus(create(getEmailStatus.input, { userId }), call);
    return status?.address ?? "";
  } catch (error) {
    if (error instanceof FailureError) return error.failure.name;
    throw error;
  }
}

test.each<[string, Caller, string]>([
  ["a reader everywhere", caller("someone", ["user.read"]), "ada@example.com"],
  ["a reader here", caller("someone", ["user.read"], OURS), "ada@example.com"],
  ["a reader elsewhere", caller("someone", ["user.read"], THEIRS), "PERMISSION_DENIED_HERE"],
  ["a writer who may not read", caller("someone", ["user.write"]), "PERMISSION_DENIED"],
  ["the user", caller("ada", ["user.self.delete"]), "ada@example.com"],
  ["the user, without any role", { ...caller("ada", []), grants: [] } as Caller, "ada@example.com"],
  ["another user", caller("eve", ["user.self.delete"]), "PERMISSION_DENIED"],
  ["nobody", { kind: "anonymous" }, "AUTH_HEADER_MISSING"],
])("%s", async (_who, from, expected) => {
  expect(await ask(from)).toBe(expected);
});

test("a user who is not there is not found", async () => {
  expect(await ask(caller("someone", ["user.read"]), "nobody")).toBe("QUERY_USER_NOT_FOUND");
});

test("only CheckCode takes callers without a token", () => {
  expect(describeAccess(checkCode)).toMatchObject({ isPublic: false, anonymous: "allowed" });
  expect(describeAccess(getEmailStatus)).toMatchObject({ isPublic: false, anonymous: "refused" });
});
