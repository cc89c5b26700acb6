// Two instances of the service on one PostgreSQL, each with a relay of its own: what one is told holds for the other, for a
// mail that the other has in hand, and from the very next call on.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { DescService, JsonObject } from "@bufbuild/protobuf";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { AccessService } from "../../gen/countersign/v1/access_service_pb.ts";
import { DeliveryService } from "../../gen/countersign/v1/delivery_service_pb.ts";
import { OrganizationService } from "../../gen/countersign/v1/organization_service_pb.ts";
import { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { outcome } from "../support/json-calls.ts";
import { TestPostgres } from "../support/postgres-server.ts";
import { RecordingRelay, type RelayPoint } from "../support/recording-relay.ts";
import { openGrpc, type ServiceClient } from "../support/service-clients.ts";
import { textAt } from "../support/wire-formats.ts";

jest.setTimeout(60_000);

const TOKEN = randomBytes(32).toString("hex");

/** One instance, and the relay that it alone knows. */
class Instance {
  readonly relay: RecordingRelay;
  readonly application: TestApplication;
  readonly #clients = new Map<DescService, ServiceClient>();

  private constructor(relay: RecordingRelay, application: TestApplication) {
    this.relay = relay;
    this.application = application;
  }

  static async start(env: Readonly<Record<string, string>>): Promise<Instance> {
    const relay = await RecordingRelay.start();
    const application = await startTestApplication({ env: { ...env, COUNTERSIGN_SMTP_URL: relay.url } });
    return new Instance(relay, application);
  }

  ask(service: DescService, method: string, request: JsonObject, token = TOKEN): Promise<JsonObject> {
    const client = this.#clients.get(service) ?? openGrpc(this.application.url, service);
    this.#clients.set(service, client);
    return client.ask(token, method, request);
  }

  async stop(): Promise<void> {
    for (const client of this.#clients.values()) client.close();
    await this.application.stop();
    await this.relay.stop();
  }
}

let server: TestPostgres;
let here: Instance;
let there: Instance;
let names = 0;

beforeAll(async () => {
  server = await TestPostgres.start();
});
afterAll(() => server.stop());
// New ones for each test: a relay is held when it is connected to, and connections are kept.
beforeEach(async () => {
  const env = {
    COUNTERSIGN_DATABASE_URL: server.url(await server.createDatabase()),
    COUNTERSIGN_SECRET_KEY: randomBytes(32).toString("base64"),
    COUNTERSIGN_ADMIN_TOKEN: TOKEN,
  };
  [here, there] = await Promise.all([Instance.start(env), Instance.start(env)]);
});
afterEach(async () => {
  for (const instance of [here, there]) {
    expect(instance.application.takeErrors()).toEqual([]);
    await instance.stop();
  }
});

function newName(): string {
  names += 1;
  return `user-${names}`;
}

/** @returns the id of a new user of this address */
async function addUser(at: Instance, name: string, verification: JsonObject): Promise<string> {
  const added = await at.ask(UserService, "AddHumanUser", {
    userId: name,
    profile: { givenName: "Ada", familyName: "Lovelace" },
    email: { email: addressOf(name), ...verification },
  });
  return textAt(added, "userId");
}

function addressOf(name: string): string {
  return `${name}@mail.example`;
}

/** What either relay saw of mails to the user. */
function mailsTo(name: string) {
  return [here, there].flatMap(({ relay }) =>
    relay.transactions.filter(({ recipient }) => recipient === addressOf(name)),
  );
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(10);
}

/** Waits until no mail of the user waits any more. @returns how they ended, newest first */
async function endsOf(at: Instance, userId: string): Promise<readonly string[]> {
  for (;;) {
    const { deliveries } = await at.ask(DeliveryService, "ListDeliveries", { userId });
    const states = ((deliveries ?? []) as JsonObject[]).map((delivery) => textAt(delivery, "state"));
    if (!states.some((state) => /QUEUED|SENDING|RETRYING/.test(state))) return states;
    await sleep(10);
  }
}

describe("a mail that one of them has in hand", () => {
  let letGo: () => void;
  let isInHand: Promise<Instance>;

  /** Relays do not answer there until they are let go. Mostly the instance that was asked has the mail, but either may. */
  function holdAt(heldPoint: RelayPoint): void {
    const gate = Promise.withResolvers<void>();
    const inHand = Promise.withResolvers<Instance>();
    letGo = gate.resolve;
    isInHand = inHand.promise;
    for (const instance of [here, there]) {
      instance.relay.at = (point) => {
        if (point !== heldPoint) return;
        inHand.resolve(instance);
        return gate.promise;
      };
    }
  }
  afterEach(() => letGo());

  const othersOf = (instance: Instance) => (instance === here ? there : here);

  test("is not mailed once the other has answered that its code is superseded", async () => {
    holdAt("connect");
    const name = newName();
    const userId = await addUser(here, name, { sendCode: {} });
    const other = othersOf(await isInHand);
    await other.ask(UserService, "SendEmailCode", { userId, sendCode: {} });
    letGo();
    expect(await endsOf(other, userId)).toEqual(["DELIVERY_STATE_SENT", "DELIVERY_STATE_CANCELLED"]);
    expect(mailsTo(name)).toHaveLength(1);
    const verificationCode = mailsTo(name)[0]?.code ?? "";
    await other.ask(UserService, "VerifyEmail", { userId, verificationCode });
  });

  test("is not mailed once the other has answered that it is cancelled", async () => {
    holdAt("connect");
    const name = newName();
    const userId = await addUser(here, name, { sendCode: {} });
    const other = othersOf(await isInHand);
    const { deliveries } = await other.ask(DeliveryService, "ListDeliveries", { userId });
    const deliveryId = textAt((deliveries as JsonObject[])[0], "deliveryId");
    await other.ask(DeliveryService, "CancelDelivery", { deliveryId });
    letGo();
    expect(await endsOf(other, userId)).toEqual(["DELIVERY_STATE_CANCELLED"]);
    expect(mailsTo(name)).toEqual([]);
  });

  test("is left to it by the other, and the rest goes on", async () => {
    // Relays have a minute there, and only seconds before.
    holdAt("dot");
    const name = newName();
    const userId = await addUser(here, name, { sendCode: {} });
    const holder = await isInHand;
    const other = othersOf(holder);
    // This one mail is held: what follows may be sent by either.
    for (const { relay } of [holder, other]) relay.at = () => {};
    const rest = [newName(), newName(), newName()];
    for (const each of rest) await addUser(other, each, { sendCode: {} });
    await until(() => rest.every((each) => mailsTo(each).some(({ isAccepted }) => isAccepted)));
    expect(mailsTo(name)).toHaveLength(1);
    letGo();
    expect(await endsOf(other, userId)).toEqual(["DELIVERY_STATE_SENT"]);
    expect(mailsTo(name)).toHaveLength(1);
    expect(holder.relay.transactions).toContain(mailsTo(name)[0]);
  });
});

describe("what one of them was told holds for the next call to the other", () => {
  const TOKEN_INVALID = "16 TOKEN_INVALID";

  async function newAccount(): Promise<{ serviceAccountId: string; token: string; tokenId: string }> {
    const made = await here.ask(AccessService, "CreateServiceAccount", {
      username: newName(),
      roles: [{ role: "IAM_OWNER" }],
    });
    const serviceAccountId = textAt(made, "serviceAccount", "serviceAccountId");
    const answer = await here.ask(AccessService, "CreateAccessToken", { serviceAccountId });
    const token = textAt(answer, "token");
    return { serviceAccountId, token, tokenId: textAt(answer, "accessToken", "tokenId") };
  }

  /** How the other instance answers somebody with this token. */
  const asked = (token: string) =>
    outcome(there.ask(OrganizationService, "ListOrganizations", { pageSize: 1 }, token));

  test("tokens that are made and revoked", async () => {
    const { token, tokenId } = await newAccount();
    expect(await asked(token)).toBe("ok");
    await here.ask(AccessService, "RevokeAccessToken", { tokenId });
    expect(await asked(token)).toBe(TOKEN_INVALID);
  });

  test("accounts that are deactivated, active again, without their roles, removed", async () => {
    const { serviceAccountId, token } = await newAccount();
    expect(await asked(token)).toBe("ok");
    const answers: string[] = [];
    for (const method of [
      "DeactivateServiceAccount",
      "ReactivateServiceAccount",
      "SetServiceAccountRoles",
      "DeleteServiceAccount",
    ]) {
      await here.ask(AccessService, method, { serviceAccountId });
      answers.push(await asked(token));
    }
    expect(answers).toEqual([TOKEN_INVALID, "ok", "5 MEMBERSHIP_NOT_FOUND", TOKEN_INVALID]);
  });

  test("users who are locked, unlocked, deactivated, deleted", async () => {
    const userId = await addUser(here, newName(), { isVerified: true });
    const stateOf = async () => {
      const found = await there.ask(UserService, "GetUserByID", { userId });
      return textAt(found, "user", "state");
    };
    const states: string[] = [await stateOf()];
    for (const method of ["LockUser", "UnlockUser", "DeactivateUser"]) {
      await here.ask(UserService, method, { userId });
      states.push(await stateOf());
    }
    expect(states).toEqual([
      "USER_STATE_ACTIVE",
      "USER_STATE_LOCKED",
      "USER_STATE_ACTIVE",
      "USER_STATE_INACTIVE",
    ]);
    await here.ask(UserService, "DeleteUser", { userId });
    expect(await outcome(stateOf())).toMatch(/^5 /);
  });
});
