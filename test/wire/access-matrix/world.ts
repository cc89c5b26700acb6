// What the matrix needs: an application with two organizations, a caller for each column, and fresh users, accounts and mails
// to call for, which the admin makes.
import type { DescService, JsonObject, JsonValue } from "@bufbuild/protobuf";
import { setTimeout as pause } from "node:timers/promises";
import { AccessService } from "../../../gen/countersign/v1/access_service_pb.ts";
import { DeliveryService } from "../../../gen/countersign/v1/delivery_service_pb.ts";
import { EventService } from "../../../gen/countersign/v1/event_service_pb.ts";
import { OrganizationService } from "../../../gen/countersign/v1/organization_service_pb.ts";
import { UserService } from "../../../gen/zitadel/user/v2/user_service_pb.ts";
import { startTestApplication, type TestApplication } from "../../support/application.ts";
import { JwtIssuer } from "../../support/jwt-issuer.ts";
import { SERVED_SERVICES } from "../../support/served-services.ts";
import { openGrpc, openRest, type Ask, type ServiceClient } from "../../support/service-clients.ts";
import { textAt } from "../../support/wire-formats.ts";
import { CALLERS, type CallerName } from "./table.ts";

/** Where most callers are at home, or have their roles. */
export const OWN = "own-org";
export const OTHER = "other-org";

export interface Caller {
  readonly name: CallerName;
  /** "" for nobody. */
  readonly id: string;
  readonly token: string;
  /** Id of the token, where it is a personal access token. */
  readonly tokenId: string;
}

/** What the lists and streams of an organization are looked through for. */
export interface Landmarks {
  readonly userId: string;
  readonly serviceAccountId: string;
  readonly tokenId: string;
  readonly deliveryId: string;
  readonly recipient: string;
  readonly suppressed: string;
  /** An event, and one that was recorded after those of all organizations. */
  readonly position: number;
  readonly lastPosition: number;
}

export class World {
  readonly application: TestApplication;
  readonly #issuer: JwtIssuer;
  readonly #clients = new Map<DescService, { readonly grpc: ServiceClient; readonly rest: ServiceClient }>();
  #landmarks: Readonly<Record<string, Landmarks>> = {};
  #names = 0;

  private constructor(application: TestApplication, issuer: JwtIssuer) {
    this.application = application;
    this.#issuer = issuer;
    for (const service of SERVED_SERVICES) {
      const { url } = application;
      this.#clients.set(service, { grpc: openGrpc(url, service), rest: openRest(url, service) });
    }
  }

  static async start(): Promise<World> {
    const issuer = await JwtIssuer.start();
    const world = new World(
      await startTestApplication({ env: { ...issuer.env, COUNTERSIGN_TEST_MAILS_PER_HOUR: "0" } }),
      issuer,
    );
    for (const organizationId of [OWN, OTHER]) {
      await world.admin(OrganizationService, "CreateOrganization", { organizationId, name: organizationId });
    }
    await world.#setLandmarks();
    return world;
  }

  async stop(): Promise<void> {
    for (const { grpc } of this.#clients.values()) grpc.close();
    await Promise.all([this.application.stop(), this.#issuer.stop()]);
  }

  ask(format: "gRPC" | "REST", service: DescService): Ask {
    const clients = this.#clients.get(service);
    if (clients === undefined) throw new Error(`no client of ${service.typeName}`);
    return format === "gRPC" ? clients.grpc.ask : clients.rest.ask;
  }

  /** @throws Refused */
  admin(service: DescService, method: string, request: JsonObject): Promise<JsonObject> {
    return this.ask("gRPC", service)(this.application.token, method, request);
  }

  newName(prefix: string): string {
    this.#names += 1;
    return `${prefix}-${this.#names}`;
  }

  landmarks(organizationId: string): Landmarks {
    const landmarks = this.#landmarks[organizationId];
    if (landmarks === undefined) throw new Error(`nothing is known of ${organizationId}`);
    return landmarks;
  }

  /** A user whose address is not verified, and who was sent nothing. */
  async addUser(organizationId: string): Promise<string> {
    const userId = this.newName("user");
    await this.admin(UserService, "CreateUser", {
      userId,
      organizationId,
      human: {
        profile: { givenName: "Ada", familyName: "Lovelace" },
        email: { email: `${userId}@example.com`, isVerified: false },
      },
    });
    return userId;
  }

  async addAccount(organizationId: string, ...roles: JsonValue[]): Promise<string> {
    const request = { organizationId, username: this.newName("robot"), roles };
    const answer = await this.admin(AccessService, "CreateServiceAccount", request);
    return textAt(answer, "serviceAccount", "serviceAccountId");
  }

  async addToken(serviceAccountId: string): Promise<{ readonly token: string; readonly tokenId: string }> {
    const answer = await this.admin(AccessService, "CreateAccessToken", { serviceAccountId });
    return { token: textAt(answer, "token"), tokenId: textAt(answer, "accessToken", "tokenId") };
  }

  /** A mail of the organization, without a code. */
  async addMail(
    organizationId: string,
  ): Promise<{ readonly deliveryId: string; readonly recipient: string }> {
    const recipient = `${this.newName("reader")}@example.com`;
    const answer = await this.admin(DeliveryService, "SendTestMail", { organizationId, recipient });
    return { deliveryId: textAt(answer, "delivery", "deliveryId"), recipient };
  }

  /** @returns the address */
  async addSuppression(organizationId: string): Promise<string> {
    const { deliveryId, recipient } = await this.addMail(organizationId);
    await this.admin(DeliveryService, "ReportBounce", {
      bounce: { messageId: `${deliveryId}@example.com`, type: "BOUNCE_TYPE_PERMANENT" },
    });
    return recipient;
  }

  /** Somebody of the column, whom no test has met; with a role in OWN where the role is an organization's. */
  async newCaller(name: CallerName, home = OWN): Promise<Caller> {
    if (name === "nobody") return { name, id: "", token: "", tokenId: "" };
    if (name === "person") {
      const id = await this.addUser(home);
      return { name, id, token: await this.#issuer.token(id), tokenId: "" };
    }
    const id = await this.addAccount(home, ...rolesOf(name));
    return { name, id, ...(await this.addToken(id)) };
  }

  /** The same account, with a JWT in the place of its token. */
  async withJwt(caller: Caller): Promise<Caller> {
    return { ...caller, token: await this.#issuer.token(caller.id), tokenId: "" };
  }

  async newCallers(): Promise<ReadonlyMap<CallerName, Caller>> {
    const callers = await Promise.all(CALLERS.map((name) => this.newCaller(name)));
    return new Map(callers.map((caller) => [caller.name, caller]));
  }

  async #setLandmarks(): Promise<void> {
    const made = new Map<string, Omit<Landmarks, "lastPosition">>();
    for (const organizationId of [OWN, OTHER]) {
      const userId = await this.addUser(organizationId);
      const serviceAccountId = await this.addAccount(organizationId);
      const { tokenId } = await this.addToken(serviceAccountId);
      const mail = await this.addMail(organizationId);
      await this.#sent(mail.deliveryId);
      const suppressed = await this.addSuppression(organizationId);
      const position = await this.#lastPosition(userId);
      made.set(organizationId, { userId, serviceAccountId, tokenId, ...mail, suppressed, position });
    }
    const complete = await Promise.all(
      [...made].map(async ([organizationId, landmarks]) => {
        const lastPosition = await this.#lastPosition(await this.addUser(organizationId));
        return [organizationId, { ...landmarks, lastPosition }] as const;
      }),
    );
    this.#landmarks = Object.fromEntries(complete);
  }

  async #lastPosition(userId: string): Promise<number> {
    const answer = await this.admin(EventService, "ListEvents", { userId });
    return Number(textAt(answer, "events", 0, "position"));
  }

  async #sent(deliveryId: string): Promise<void> {
    for (;;) {
      const answer = await this.admin(DeliveryService, "GetDelivery", { deliveryId });
      if (textAt(answer, "delivery", "state") === "DELIVERY_STATE_SENT") return;
      await pause(5);
    }
  }
}

function rolesOf(name: CallerName): JsonValue[] {
  if (name === "no role") return [];
  return [{ role: name, ...(name.startsWith("ORG_") && { organizationId: OWN }) }];
}
