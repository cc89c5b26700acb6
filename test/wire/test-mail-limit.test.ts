// SendTestMail has a limit of its own, by organization: whoever may call it cannot mail whom they like without end.
import { afterEach, expect, jest, test } from "@jest/globals";
import { AccessService } from "../../gen/countersign/v1/access_service_pb.ts";
import { DeliveryService } from "../../gen/countersign/v1/delivery_service_pb.ts";
import { OrganizationService } from "../../gen/countersign/v1/organization_service_pb.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { outcome } from "../support/json-calls.ts";
import { openGrpc, openRest, type ServiceClient } from "../support/service-clients.ts";
import { textAt } from "../support/wire-formats.ts";

jest.setTimeout(30_000);

const EXHAUSTED = "8 TEST_MAILS_EXHAUSTED";
const HOUR_MS = 3_600_000;

let application: TestApplication;
let aheadMs = 0;
let mails = 0;
const clients: ServiceClient[] = [];

async function start(env: Readonly<Record<string, string>>): Promise<void> {
  aheadMs = 0;
  application = await startTestApplication({ env, sources: { nowMs: () => Date.now() + aheadMs } });
}
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await application.stop();
});

function opened(client: ServiceClient) {
  clients.push(client);
  return client.ask;
}

/** To somebody else each time. */
function sendTo(organizationId: string, token = application.token, open = openGrpc): Promise<string> {
  mails += 1;
  const request = { recipient: `operator-${mails}@example.com`, organizationId };
  return outcome(opened(open(application.url, DeliveryService))(token, "SendTestMail", request));
}

test.each([
  ["20 by default", {}, 20],
  ["as many as the operator says", { COUNTERSIGN_TEST_MAILS_PER_HOUR: "3" }, 3],
] as const)("within an hour, %s, whatever the recipients and the account", async (_row, env, allowed) => {
  await start(env);
  const { organizationId } = application;
  const access = opened(openGrpc(application.url, AccessService));
  const made = await access(application.token, "CreateServiceAccount", {
    username: "manager",
    roles: [{ role: "ORG_USER_MANAGER" }],
  });
  const serviceAccountId = textAt(made, "serviceAccount", "serviceAccountId");
  const manager = textAt(await access(application.token, "CreateAccessToken", { serviceAccountId }), "token");
  const first = await Promise.all(
    Array.from({ length: allowed + 5 }, (_, index) =>
      sendTo(
        organizationId,
        index % 2 === 0 ? manager : application.token,
        index % 3 === 0 ? openRest : openGrpc,
      ),
    ),
  );
  expect(first.toSorted()).toEqual([
    ...Array<string>(5).fill(EXHAUSTED),
    ...Array<string>(allowed).fill("ok"),
  ]);
  await opened(openGrpc(application.url, OrganizationService))(application.token, "CreateOrganization", {
    organizationId: "other-org",
    name: "Other",
  });
  expect(await sendTo("other-org")).toBe("ok");
  aheadMs += HOUR_MS - 60_000;
  expect(await sendTo(organizationId)).toBe(EXHAUSTED);
  aheadMs += 60_000;
  expect(await sendTo(organizationId)).toBe("ok");
});

test("a refusal says when to call again, and costs nothing; one for another reason does not count", async () => {
  await start({ COUNTERSIGN_TEST_MAILS_PER_HOUR: "1" });
  const post = (recipient: string) =>
    fetch(`${application.url}/countersign/v1/deliveries/test`, {
      method: "POST",
      headers: { authorization: `Bearer ${application.token}` },
      body: JSON.stringify({ recipient }),
    });
  expect((await post("no address")).status).toBe(400);
  expect((await post("operator@example.com")).status).toBe(200);
  const refused = await post("operator@example.com");
  expect(refused.status).toBe(429);
  const waitSeconds = Number(refused.headers.get("retry-after"));
  expect(waitSeconds).toBeGreaterThan(3_500);
  expect(waitSeconds).toBeLessThanOrEqual(3_600);
  expect(await refused.json()).toMatchObject({
    code: 8,
    message: "Too many test mails were sent for this organization within an hour",
    details: expect.arrayContaining([
      expect.objectContaining({
        violations: [{ subject: "organization", description: "1 test mails per organization and hour" }],
      }),
    ]),
  });
});

test("0 is no limit, and a dry run of the limits on codes does not lift this one", async () => {
  await start({ COUNTERSIGN_TEST_MAILS_PER_HOUR: "0" });
  const { organizationId } = application;
  const answers = await Promise.all(Array.from({ length: 30 }, () => sendTo(organizationId)));
  expect(new Set(answers)).toEqual(new Set(["ok"]));
  await application.stop();
  await start({ COUNTERSIGN_TEST_MAILS_PER_HOUR: "1", COUNTERSIGN_LIMITS: "dry-run" });
  expect(await sendTo(application.organizationId)).toBe("ok");
  expect(await sendTo(application.organizationId)).toBe(EXHAUSTED);
});
