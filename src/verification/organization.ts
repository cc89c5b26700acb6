/** Organizations own users and service accounts, and have some things their own way: see organization-settings.ts. */
import { checkGlobalPermission, checkPermission } from "./caller.ts";
import { accept, advance, refuse, type AggregateHead, type Decider, type Decision } from "./decider.ts";
import type { Environment } from "./environment.ts";
import { failure, type Failure, type FieldFault } from "./failures.ts";
import {
  DEFAULT_ORGANIZATION_SETTINGS,
  nameProblem,
  normalizeSettings,
  OPERATOR_SETTINGS,
  settingsFault,
  type OrganizationSettings,
} from "./organization-settings.ts";

export interface OrganizationState extends AggregateHead {
  readonly name: string;
  readonly settings: OrganizationSettings;
}

export type OrganizationCommand =
  | {
      readonly type: "organization.add";
      readonly organizationId: string;
      readonly name: string;
      /** Those that are not the default. */
      readonly settings?: Partial<OrganizationSettings>;
    }
  | { readonly type: "organization.rename"; readonly organizationId: string; readonly name: string }
  | {
      readonly type: "organization.set";
      readonly organizationId: string;
      /** What is absent stays as it is. */
      readonly settings: Partial<OrganizationSettings>;
    };

export type OrganizationEvent =
  | { readonly type: "org.added"; readonly payload: { readonly name: string } }
  | { readonly type: "org.changed"; readonly payload: { readonly name: string } }
  | { readonly type: "org.settings.changed"; readonly payload: Partial<OrganizationSettings> };

type OrganizationDecision = Decision<OrganizationEvent, null>;
type Of<Type extends OrganizationCommand["type"]> = Extract<OrganizationCommand, { type: Type }>;

/** What headers carry and folders can be named by. */
const ORGANIZATION_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

export const organizationDecider: Decider<OrganizationState, OrganizationCommand, OrganizationEvent, null> = {
  initial: {
    sequence: 0,
    createdAtMs: 0,
    changedAtMs: 0,
    organizationId: "",
    name: "",
    settings: DEFAULT_ORGANIZATION_SETTINGS,
  },
  evolve: (state, event, place) => ({ ...state, ...change(state, event), ...advance(state, place) }),
  needs: () => [],
  decide(state, _facts, command, env) {
    switch (command.type) {
      case "organization.add":
        return decideAdd(state, command, env);
      case "organization.rename":
        return decideRename(state, command, env);
      case "organization.set":
        return decideSet(state, command, env);
    }
  },
};

function change(state: OrganizationState, event: OrganizationEvent): Partial<OrganizationState> {
  if (event.type === "org.settings.changed") return { settings: { ...state.settings, ...event.payload } };
  return { name: event.payload.name };
}

function decideAdd(
  state: OrganizationState,
  command: Of<"organization.add">,
  { caller }: Environment,
): OrganizationDecision {
  const { organizationId } = command;
  const denied = checkGlobalPermission(caller, "org.create");
  if (denied !== undefined) return refuse(denied);
  if (!ORGANIZATION_ID.test(organizationId)) {
    return refuse(
      invalid({
        field: "organization_id",
        description: "takes 1 to 200 letters, digits, dots, dashes and underscores, no dot or dash first",
      }),
    );
  }
  if (state.sequence > 0) return refuse(failure("ORGANIZATION_ALREADY_EXISTS"));
  const name = command.name.trim();
  const settings = normalizeSettings(command.settings ?? {});
  const wrong = nameFault(name) ?? settingsFault(settings);
  if (wrong !== undefined) return refuse(invalid(wrong));
  const changed = changedSettings(DEFAULT_ORGANIZATION_SETTINGS, settings);
  const reserved = operatorsOnly(changed) ? checkGlobalPermission(caller, "iam.write") : undefined;
  if (reserved !== undefined) return refuse(reserved);
  return accept(null, {
    events: [{ type: "org.added", payload: { name } }, ...settingsEvents(changed)],
    organizationId,
  });
}

function decideRename(
  state: OrganizationState,
  command: Of<"organization.rename">,
  env: Environment,
): OrganizationDecision {
  const refused = checkOrganization(state, command.organizationId, env);
  if (refused !== undefined) return refuse(refused);
  const name = command.name.trim();
  const wrong = nameFault(name);
  if (wrong !== undefined) return refuse(invalid(wrong));
  return accept(null, { events: name === state.name ? [] : [{ type: "org.changed", payload: { name } }] });
}

function decideSet(
  state: OrganizationState,
  command: Of<"organization.set">,
  env: Environment,
): OrganizationDecision {
  const refused = checkOrganization(state, command.organizationId, env);
  if (refused !== undefined) return refuse(refused);
  const settings = normalizeSettings(command.settings);
  const wrong = settingsFault(settings);
  if (wrong !== undefined) return refuse(invalid(wrong));
  const changed = changedSettings(state.settings, settings);
  const reserved = operatorsOnly(changed) ? checkGlobalPermission(env.caller, "iam.write") : undefined;
  if (reserved !== undefined) return refuse(reserved);
  return accept(null, { events: settingsEvents(changed) });
}

function checkOrganization(
  state: OrganizationState,
  organizationId: string,
  { caller }: Environment,
): Failure | undefined {
  if (state.sequence === 0) return failure("ORGANIZATION_UNKNOWN");
  return checkPermission(caller, "org.write", { organizationId }, "not allowed");
}

/** What of the wanted settings is not so already. */
function changedSettings(
  stored: OrganizationSettings,
  wanted: Partial<OrganizationSettings>,
): Partial<OrganizationSettings> {
  const names = Object.keys(wanted) as (keyof OrganizationSettings)[];
  const isNew = (name: keyof OrganizationSettings) =>
    JSON.stringify(wanted[name]) !== JSON.stringify(stored[name]);
  return Object.fromEntries(names.filter(isNew).map((name) => [name, wanted[name]]));
}

function operatorsOnly(changed: Partial<OrganizationSettings>): boolean {
  return Object.keys(changed).some((name) => OPERATOR_SETTINGS.has(name as keyof OrganizationSettings));
}

function settingsEvents(changed: Partial<OrganizationSettings>): readonly OrganizationEvent[] {
  return Object.keys(changed).length === 0 ? [] : [{ type: "org.settings.changed", payload: changed }];
}

function nameFault(name: string): FieldFault | undefined {
  const description = name === "" ? "takes at least one visible character" : nameProblem(name);
  return description === undefined ? undefined : { field: "name", description };
}

function invalid(fault: FieldFault): Failure {
  const text = `The organisation cannot be like this: ${fault.field} ${fault.description}`;
  return failure("ORGANIZATION_INVALID", { text, fields: [fault] });
}
