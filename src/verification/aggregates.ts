/** Every aggregate, and which command goes to which. */
import { accessTokenDecider, type AccessTokenCommand, type AccessTokenState } from "./access-token.ts";
import type { AggregateHead, Decider, DomainEvent } from "./decider.ts";
import { organizationDecider, type OrganizationCommand, type OrganizationState } from "./organization.ts";
import {
  serviceAccountDecider,
  type ServiceAccountCommand,
  type ServiceAccountState,
} from "./service-account.ts";
import type { UserCommand, UserReply } from "./user/commands.ts";
import { userDecider } from "./user/decider.ts";
import type { UserState } from "./user/state.ts";

/** Aggregate types as the event log names them. */
export type AggregateType = "user" | "organization" | "service_account" | "access_token";

export interface AggregateStates {
  readonly user: UserState;
  readonly organization: OrganizationState;
  readonly service_account: ServiceAccountState;
  readonly access_token: AccessTokenState;
}

export interface AggregateId {
  readonly type: AggregateType;
  readonly id: string;
}

export type Command = UserCommand | OrganizationCommand | ServiceAccountCommand | AccessTokenCommand;

/** What a command is answered with. */
export type ReplyOf<C extends Command> = C extends UserCommand ? UserReply : null;

/** A decider whose types a store need not know: it only carries their data. */
export type AnyDecider = Decider<AggregateHead, Command, DomainEvent, unknown>;

const deciders = {
  user: userDecider,
  organization: organizationDecider,
  service_account: serviceAccountDecider,
  access_token: accessTokenDecider,
};

export function deciderOf(type: AggregateType): AnyDecider {
  return deciders[type];
}

/** The aggregate that a command is for. */
export function aggregateOf(command: Command): AggregateId {
  switch (command.type) {
    case "organization.add":
    case "organization.rename":
    case "organization.set":
      return { type: "organization", id: command.organizationId };
    case "serviceAccount.add":
    case "serviceAccount.setRoles":
    case "serviceAccount.deactivate":
    case "serviceAccount.reactivate":
    case "serviceAccount.remove":
      return { type: "service_account", id: command.serviceAccountId };
    case "accessToken.set":
    case "accessToken.add":
    case "accessToken.revoke":
      return { type: "access_token", id: command.tokenId };
    default:
      return { type: "user", id: command.userId };
  }
}
