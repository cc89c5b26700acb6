// Organizations, service accounts and tokens: what is stored, what lists find, when tokens are over.
import { describe, expect, test } from "@jest/globals";
import type { Command } from "../../../src/verification/aggregates.ts";
import type { Caller } from "../../../src/verification/caller.ts";
import { DEFAULT_ORGANIZATION_SETTINGS } from "../../../src/verification/organization-settings.ts";
import { grantsOf, type RoleGrant } from "../../../src/verification/roles.ts";
import { eventsOf } from "../history-checker.ts";
import type { OpenedWorld, OpenWorld } from "../store-contract.ts";
import { ORGANIZATION, outcomes, refusal, times } from "../world.ts";

const PAGE = { limit: 1_000, timeoutMs: 10_000 };

export function accessContract(open: OpenWorld): void {
  const run = (world: OpenedWorld, command: Command, caller?: Caller) =>
    world.store.execute(command, world.plain(caller));
  const addToken = (
    world: OpenedWorld,
    tokenId: string,
    account: string,
    expiresAtMs: number | null = null,
  ) =>
    run(world, {
      type: "accessToken.add",
      tokenId,
      serviceAccountId: account,
      hash: `hash of ${tokenId}`,
      expiresAtMs,
    });

  test("an organization's settings are there after they were set, and after the store was opened again", async () => {
    const world = await open();
    const settings = { linkHosts: ["app.example.com"], notices: false };
    await run(world, { type: "organization.set", organizationId: ORGANIZATION, settings });
    await run(world, { type: "organization.rename", organizationId: ORGANIZATION, name: "Renamed" });
    const expected = {
      sequence: 3,
      name: "Renamed",
      settings: { ...DEFAULT_ORGANIZATION_SETTINGS, ...settings },
    };
    expect(await world.store.findOrganization(ORGANIZATION)).toMatchObject(expected);
    await world.reopen();
    expect(await world.store.findOrganization(ORGANIZATION)).toMatchObject(expected);
  });

  test("link hosts bind the next send", async () => {
    const world = await open();
    await world.addUser("ada");
    const send = (urlTemplate: string) =>
      world.withNewCode({
        type: "email.sendCode",
        userId: "ada",
        verification: { kind: "send", urlTemplate },
      });
    await send("https://anywhere.example/v?c={{.Code}}");
    const settings = { linkHosts: ["app.example.com"] };
    await run(world, { type: "organization.set", organizationId: ORGANIZATION, settings });
    expect(await refusal(send("https://anywhere.example/v?c={{.Code}}"))).toMatchObject({
      name: "URL_TEMPLATE_HOST_REFUSED_HERE",
    });
    await send("https://app.example.com/v?c={{.Code}}");
    await world.sendCode("ada");
  });

  test("a role is given for an organization that there is", async () => {
    const world = await open();
    await world.addServiceAccount("robot");
    const give = (organizationId: string) =>
      run(world, {
        type: "serviceAccount.setRoles",
        serviceAccountId: "robot",
        roles: [{ role: "ORG_OWNER", organizationId }],
      });
    expect(await refusal(give("nowhere"))).toMatchObject({ name: "ORGANIZATION_NOT_FOUND" });
    await give(ORGANIZATION);
    expect(await world.store.findServiceAccount("robot")).toMatchObject({
      roles: [{ role: "ORG_OWNER", organizationId: ORGANIZATION }],
    });
  });

  test("what the caller holds is compared with what the account holds", async () => {
    const world = await open();
    await world.addServiceAccount("robot");
    const grants = grantsOf([{ role: "ORG_OWNER", organizationId: ORGANIZATION }]);
    const owner: Caller = { kind: "principal", userId: "owner", organizationId: ORGANIZATION, grants };
    const command: Command = {
      type: "accessToken.add",
      tokenId: "t1",
      serviceAccountId: "robot",
      hash: "h1",
      expiresAtMs: null,
    };
    expect(await refusal(run(world, command, owner))).toMatchObject({ name: "ROLES_EXCEED_CALLER" });
    expect(await world.store.findAccessToken("h1")).toBeUndefined();
  });

  describe("the last owner", () => {
    const as = (userId: string, ...roles: readonly RoleGrant[]): Caller => ({
      kind: "principal",
      userId,
      organizationId: ORGANIZATION,
      grants: grantsOf(roles),
    });
    const ownerOfAll = (userId: string) => as(userId, { role: "IAM_OWNER" });
    const addAccount = (world: OpenedWorld, serviceAccountId: string, ...roles: readonly RoleGrant[]) =>
      run(world, {
        type: "serviceAccount.add",
        serviceAccountId,
        organizationId: ORGANIZATION,
        username: `Name "IAM_OWNER" of ${serviceAccountId}`,
        roles,
      });
    const OWNER: RoleGrant = { role: "ORG_OWNER", organizationId: ORGANIZATION };

    test("of an organization is known, among those of others, inactive ones and viewers", async () => {
      const world = await open();
      await world.addOrganization("org-2");
      await addAccount(world, "a", OWNER);
      await addAccount(world, "b", { role: "ORG_OWNER", organizationId: "org-2" }, { role: "IAM_OWNER" });
      await addAccount(world, "c", { role: "ORG_OWNER_VIEWER", organizationId: ORGANIZATION });
      await addAccount(world, "d", OWNER);
      const deactivate = (serviceAccountId: string) =>
        run(world, { type: "serviceAccount.deactivate", serviceAccountId }, ownerOfAll("b"));
      await deactivate("d");
      expect(await refusal(deactivate("a"))).toMatchObject({ name: "LAST_OWNER" });
      await run(world, { type: "serviceAccount.reactivate", serviceAccountId: "d" }, ownerOfAll("b"));
      await deactivate("a");
      expect(await refusal(deactivate("d"))).toMatchObject({ name: "LAST_OWNER" });
    });

    test("two who end each other at once leave one", async () => {
      for (const end of ["serviceAccount.remove", "serviceAccount.deactivate"] as const) {
        const world = await open();
        await addAccount(world, "a", { role: "IAM_OWNER" });
        await addAccount(world, "b", { role: "IAM_OWNER" });
        const { answers, refusals } = await outcomes([
          run(world, { type: end, serviceAccountId: "a" }, ownerOfAll("b")),
          run(world, { type: end, serviceAccountId: "b" }, ownerOfAll("a")),
        ]);
        expect([answers, refusals]).toEqual([[null], ["LAST_OWNER"]]);
      }
    });
  });

  test("a revoked token is found as such, and stays so", async () => {
    const world = await open();
    await world.addServiceAccount("robot");
    await addToken(world, "t1", "robot", world.nowMs + 1_000);
    expect(await world.store.findAccessToken("hash of t1")).toMatchObject({
      tokenId: "t1",
      expiresAtMs: world.nowMs + 1_000,
      revokedAtMs: null,
    });
    await run(world, { type: "accessToken.revoke", tokenId: "t1" });
    await world.reopen();
    expect(await world.store.findAccessToken("hash of t1")).toMatchObject({ revokedAtMs: world.nowMs });
    expect((await eventsOf(world.store, { type: "access_token", id: "t1" })).map(({ type }) => type)).toEqual(
      ["user.pat.added", "user.pat.removed"],
    );
  });

  test("a removed account takes its tokens along, and frees its username", async () => {
    const world = await open();
    await world.addServiceAccount("robot", "Robot");
    await addToken(world, "t1", "robot");
    await run(world, { type: "serviceAccount.remove", serviceAccountId: "robot" });
    expect(await world.store.findAccessToken("hash of t1")).toBeUndefined();
    expect(await world.store.listAccessTokens(PAGE)).toEqual({ tokens: [], next: undefined });
    expect(await refusal(run(world, { type: "accessToken.revoke", tokenId: "t1" }))).toMatchObject({
      name: "ACCESS_TOKEN_NOT_FOUND",
    });
    expect(await refusal(world.addServiceAccount("robot", "Other"))).toMatchObject({
      name: "SERVICE_ACCOUNT_ALREADY_EXISTS",
    });
    await world.addServiceAccount("robot-2", "Robot");
  });

  test("the last use of a token is the latest that was noted, and goes with its hash", async () => {
    const world = await open();
    await world.addServiceAccount("robot");
    await addToken(world, "t1", "robot");
    await addToken(world, "t2", "robot");
    const lastUses = async () => {
      const { tokens } = await world.store.listAccessTokens(PAGE);
      return Object.fromEntries(tokens.map(({ tokenId, lastUsedAtMs }) => [tokenId, lastUsedAtMs]));
    };
    const note = (uses: Record<string, number>) =>
      world.store.maintain({
        kind: "recordTokenUses",
        uses: Object.entries(uses).map(([tokenId, usedAtMs]) => ({ tokenId, usedAtMs })),
      });
    expect(await lastUses()).toEqual({ t1: null, t2: null });
    await note({ t1: 50, unknown: 70 });
    await note({ t1: 40, t2: 60 });
    expect(await lastUses()).toEqual({ t1: 50, t2: 60 });
    await run(world, { type: "accessToken.revoke", tokenId: "t1" });
    expect(await lastUses()).toEqual({ t1: 50, t2: 60 });
    await world.setToken("t3", "robot", "h3");
    await note({ t3: 80 });
    await world.setToken("t3", "robot", "h4");
    expect(await lastUses()).toEqual({ t1: 50, t2: 60, t3: null });
  });

  describe("lists", () => {
    /** Two organizations with three accounts, of which two have two tokens each. */
    async function populated(): Promise<OpenedWorld> {
      const world = await open();
      await world.addOrganization("org-2");
      for (const [serviceAccountId, organizationId] of [
        ["a", ORGANIZATION],
        ["b", "org-2"],
        ["c", ORGANIZATION],
      ] as const) {
        await run(world, {
          type: "serviceAccount.add",
          serviceAccountId,
          organizationId,
          username: `Robot-${serviceAccountId}`,
          roles: [],
        });
      }
      for (const [tokenId, account] of [
        ["t1", "a"],
        ["t2", "b"],
        ["t3", "a"],
        ["t4", "b"],
      ] as const)
        await addToken(world, tokenId, account);
      return world;
    }

    test("organizations: all, some, by a part of the name", async () => {
      const world = await populated();
      const ids = async (query: object) => {
        const { organizations } = await world.store.listOrganizations({ ...PAGE, ...query });
        return organizations.map(({ organizationId }) => organizationId);
      };
      expect(await ids({})).toEqual(["org-1", "org-2"]);
      expect(await ids({ organizationIds: ["org-2", "org-9"] })).toEqual(["org-2"]);
      expect(await ids({ organizationIds: [] })).toEqual([]);
      expect(await ids({ name: "NAME of org-1" })).toEqual(["org-1"]);
      expect(await ids({ name: "%" })).toEqual([]);
      const { organizations } = await world.store.listOrganizations(PAGE);
      expect(organizations[1]?.state).toEqual(await world.store.findOrganization("org-2"));
    });

    test("service accounts: all, of some organizations, by username, without removed ones", async () => {
      const world = await populated();
      const ids = async (query: object = {}) => {
        const { serviceAccounts } = await world.store.listServiceAccounts({ ...PAGE, ...query });
        return serviceAccounts.map(({ serviceAccountId }) => serviceAccountId);
      };
      expect(await ids()).toEqual(["a", "b", "c"]);
      expect(await ids({ organizationIds: ["org-2"] })).toEqual(["b"]);
      expect(await ids({ organizationIds: [] })).toEqual([]);
      expect(await ids({ username: "ROBOT-C" })).toEqual(["c"]);
      expect(await ids({ username: "robot-c", organizationIds: ["org-2"] })).toEqual([]);
      await run(world, { type: "serviceAccount.deactivate", serviceAccountId: "a" });
      await run(world, { type: "serviceAccount.remove", serviceAccountId: "b" });
      expect(await ids()).toEqual(["a", "c"]);
      const { serviceAccounts } = await world.store.listServiceAccounts(PAGE);
      expect(serviceAccounts[0]?.state).toEqual(await world.store.findServiceAccount("a"));
    });

    test("tokens: all, of some organizations, of an account, revoked ones too", async () => {
      const world = await populated();
      const ids = async (query: object = {}) => {
        const { tokens } = await world.store.listAccessTokens({ ...PAGE, ...query });
        return tokens.map(({ tokenId }) => tokenId);
      };
      await run(world, { type: "accessToken.revoke", tokenId: "t3" });
      expect(await ids()).toEqual(["t1", "t2", "t3", "t4"]);
      expect(await ids({ organizationIds: ["org-2"] })).toEqual(["t2", "t4"]);
      expect(await ids({ serviceAccountId: "a" })).toEqual(["t1", "t3"]);
      expect(await ids({ serviceAccountId: "a", organizationIds: ["org-2"] })).toEqual([]);
      const { tokens } = await world.store.listAccessTokens(PAGE);
      expect(tokens[2]).toEqual({
        tokenId: "t3",
        serviceAccountId: "a",
        organizationId: ORGANIZATION,
        addedAtMs: world.nowMs,
        expiresAtMs: null,
        revokedAtMs: world.nowMs,
        lastUsedAtMs: null,
      });
    });

    test("page by page, whatever their size, each item once", async () => {
      const world = await open();
      const account = (index: number) => `account-${String(index).padStart(2, "0")}`;
      const all = times(23, account);
      for (const id of all) await world.addServiceAccount(id);
      for (const limit of [1, 7, 23, 24]) {
        const found: string[] = [];
        let after: string | undefined;
        do {
          const query = { ...PAGE, limit, ...(after !== undefined && { after }) };
          const page = await world.store.listServiceAccounts(query);
          found.push(...page.serviceAccounts.map(({ serviceAccountId }) => serviceAccountId));
          after = page.next;
        } while (after !== undefined);
        expect(found).toEqual(all);
      }
    });

    test("past its deadline a list is given up", async () => {
      const world = await populated();
      const late = { ...PAGE, timeoutMs: 0 };
      for (const list of [
        world.store.listOrganizations(late),
        world.store.listServiceAccounts(late),
        world.store.listAccessTokens(late),
      ]) {
        expect(await refusal(list)).toMatchObject({ name: "QUERY_TIMED_OUT" });
      }
    });
  });
}
