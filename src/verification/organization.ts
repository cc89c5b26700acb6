/** Organizations own users and service accounts. */
import { accept, advance, refuse, type AggregateHead, type Decider } from "./decider.ts";
import { failure } from "./failures.ts";

export interface OrganizationState extends AggregateHead {
  readonly name: string;
}

export type OrganizationCommand = {
  readonly type: "organization.add";
  readonly organizationId: string;
  readonly name: string;
};

export type OrganizationEvent = { readonly type: "org.added"; readonly payload: { readonly name: string } };

export const organizationDecider: Decider<OrganizationState, OrganizationCommand, OrganizationEvent, null> = {
  initial: { sequence: 0, createdAtMs: 0, changedAtMs: 0, organizationId: "", name: "" },
  evolve: (state, event, place) => ({ ...state, ...advance(state, place), name: event.payload.name }),
  needs: () => [],
  decide(state, _facts, command) {
    if (state.sequence > 0) return refuse(failure("ORGANIZATION_ALREADY_EXISTS"));
    return accept(null, {
      events: [{ type: "org.added", payload: { name: command.name } }],
      organizationId: command.organizationId,
    });
  },
};
