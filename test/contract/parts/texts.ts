// Texts that not every database can hold: a NUL, and half of a character.
import { describe, expect, test } from "@jest/globals";
import type { OpenWorld } from "../store-contract.ts";
import { ORGANIZATION, outcomes, refusal, times } from "../world.ts";

const PAGE = { limit: 10, timeoutMs: 10_000 };

export function textsContract(open: OpenWorld): void {
  describe.each([
    ["a NUL", "a\0b"],
    ["half a character", "a\uD83Db"],
  ])("%s", (_name, text) => {
    test("in an id finds nothing, and spoils no neighbour's call", async () => {
      const world = await open();
      await world.addUser("ada");
      const { store } = world;
      const sent = await outcomes([
        ...times(5, () => world.sendCode("ada")),
        world.sendCode(text),
        world.setEmail(text, "ada@example.com"),
        world.verify(text, "ABCDEF"),
        world.run({ type: "user.delete", userId: text }),
      ]);
      expect({ answers: sent.answers.length, refusals: sent.refusals.length, errors: sent.errors }).toEqual({
        answers: 5,
        refusals: 4,
        errors: [],
      });
      expect(await store.findUser(text)).toBeUndefined();
      expect(await store.findOrganization(text)).toBeUndefined();
      expect(await store.findServiceAccount(text)).toBeUndefined();
      expect(await store.findClaim({ scope: "username", value: text })).toBeUndefined();
      expect(await store.findDelivery(text)).toBeUndefined();
      expect(await store.findInboxMail(text)).toBeUndefined();
      expect(await store.findSuppression(ORGANIZATION, text)).toBeUndefined();
      expect(
        await refusal(store.changeDelivery({ kind: "retry", deliveryId: text, by: "op" }, 1)),
      ).toMatchObject({
        name: "DELIVERY_NOT_FOUND",
      });
      expect((await world.list({ kind: "ids", ids: [text] })).users).toEqual([]);
      expect((await store.listDeliveries({ userId: text, ...PAGE })).deliveries).toEqual([]);
      expect((await store.listDeliveries({ recipient: text, ...PAGE })).deliveries).toEqual([]);
      expect((await store.listSuppressions({ address: text, ...PAGE })).suppressions).toEqual([]);
      expect((await store.listOrganizations({ name: text, ...PAGE })).organizations).toEqual([]);
      expect((await store.listServiceAccounts({ username: text, ...PAGE })).serviceAccounts).toEqual([]);
      expect((await store.listAccessTokens({ serviceAccountId: text, ...PAGE })).tokens).toEqual([]);
      const events = { userId: text, oldestFirst: true, ...PAGE };
      expect(await store.listEvents(events)).toEqual({ events: [], next: undefined });
    });

    test("in what a new user is called is refused, and nobody else is", async () => {
      const world = await open();
      const added = await outcomes([
        ...times(5, (index) => world.addUser(`user-${index}`)),
        world.addUser(text),
        world.addUser("named", { username: text }),
        world.addUser("nicked", { profile: { givenName: "Ada", familyName: "Lovelace", nickName: text } }),
        world.addUser("mailed", {
          email: { address: `${text}@example.com`, verification: { kind: "send" } },
        }),
      ]);
      expect({ ...added, answers: added.answers.length }).toEqual({
        answers: 5,
        refusals: ["EMAIL_INVALID", "USER_INVALID", "USER_INVALID", "EMAIL_INVALID"],
        errors: [],
      });
    });

    test("in what a relay says keeps no mail from its end", async () => {
      const world = await open();
      await world.addUser("ada");
      await world.sendCode("ada");
      await world.sendCode("ada");
      const claimed = await world.store.claimDeliveries(2, world.nowMs, world.nowMs + 1_000);
      const [first, second] = claimed.map(({ deliveryId, leaseId }) => ({
        deliveryId,
        leaseId,
        tried: {
          startedAtMs: world.nowMs,
          messageId: "<1@localhost>",
          tries: [{ relay: "relay.example:25", outcome: "permanent" as const, text }],
        },
      }));
      if (first === undefined || second === undefined) throw new Error("two mails were queued");
      const settled = await world.settle(
        { ...first, outcome: { state: "failed", problem: `550 ${text}` } },
        { ...second, outcome: { state: "retrying", problem: `450 ${text}`, retryAtMs: world.nowMs } },
      );
      expect(settled).toEqual({ stale: 0 });
      const bounce = {
        type: "permanent",
        suppresses: true,
        enhancedCode: "5.1.1",
        diagnostic: `550 ${text}`,
        reportingServer: text,
      } as const;
      const { deliveryId } = first;
      await world.store.changeDelivery({ kind: "bounce", deliveryId, by: "op", bounce }, world.nowMs);
      expect((await world.store.findDelivery(deliveryId))?.delivery).toMatchObject({
        state: "failed",
        problem: expect.stringMatching(/^550 a.b$/s),
      });
      expect((await world.store.findDelivery(second.deliveryId))?.delivery.state).toBe("retrying");
      expect(await world.store.findSuppression(ORGANIZATION, "ada@example.com")).toMatchObject({
        diagnostic: expect.stringMatching(/^550 a.b$/s),
      });
    });
  });
}
