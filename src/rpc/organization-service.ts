/** countersign.v1.OrganizationService: who may read organizations; the domain says who may change them. */
import type {
  OrganizationService,
  OrganizationSettingsChange,
} from "../../gen/countersign/v1/organization_service_pb.ts";
import type { EnvironmentFactory } from "../store/environment-factory.ts";
import type { Keyring } from "../store/keyring.ts";
import type { Store } from "../store/store.ts";
import { checkPermission } from "../verification/caller.ts";
import { failure, FailureError } from "../verification/failures.ts";
import type { OrganizationSettings } from "../verification/organization-settings.ts";
import type { OrganizationCommand } from "../verification/organization.ts";
import { wireOrganization } from "./access-replies.ts";
import type { Call } from "./call.ts";
import { organizationsOf, pageSizeOf } from "./delivery-requests.ts";
import { openPageToken, sealPageToken } from "./page-tokens.ts";
import type { UnaryService } from "./service-table.ts";

export interface OrganizationServiceOptions {
  readonly store: Store;
  readonly environments: EnvironmentFactory;
  /** Seals page tokens. */
  readonly keyring: Keyring;
}

/** A list that takes longer holds up the lists behind it. */
const LIST_TIMEOUT_MS = 5_000;

export function createOrganizationService(
  options: OrganizationServiceOptions,
): UnaryService<typeof OrganizationService> {
  const { store, environments, keyring } = options;

  /** @throws FailureError ORGANIZATION_UNKNOWN */
  async function shown(organizationId: string) {
    const state = await store.findOrganization(organizationId);
    if (state === undefined) throw new FailureError(failure("ORGANIZATION_UNKNOWN"));
    return { organization: wireOrganization(organizationId, state) };
  }

  async function run(command: OrganizationCommand, call: Call) {
    await store.execute(command, environments.plain(call.caller, call));
    return shown(command.organizationId);
  }

  return {
    createOrganization({ organizationId, name, settings }, call) {
      return run(
        {
          type: "organization.add",
          organizationId: organizationId || environments.newId(),
          name,
          ...(settings !== undefined && { settings: settingsOf(settings) }),
        },
        call,
      );
    },

    async getOrganization({ organizationId }, call) {
      const found = await shown(organizationId);
      const denied = checkPermission(call.caller, "org.read", { organizationId }, "not allowed");
      if (denied !== undefined) throw new FailureError(denied);
      return found;
    },

    async listOrganizations(request, call) {
      const organizationIds = organizationsOf(call.caller, "org.read");
      const filter = {
        ...(organizationIds !== undefined && { organizationIds }),
        ...(request.name !== "" && { name: request.name }),
      };
      const limit = pageSizeOf(request);
      const question = ["organizations", filter];
      const after =
        request.pageToken === ""
          ? undefined
          : (openPageToken(keyring, question, request.pageToken) as string);
      const page = await store.listOrganizations({
        ...filter,
        ...(after !== undefined && { after }),
        limit,
        timeoutMs: LIST_TIMEOUT_MS,
      });
      return {
        organizations: page.organizations.map((each) => wireOrganization(each.organizationId, each.state)),
        nextPageToken: page.next === undefined ? "" : sealPageToken(keyring, question, page.next),
      };
    },

    renameOrganization: ({ organizationId, name }, call) =>
      run({ type: "organization.rename", organizationId, name }, call),

    updateOrganizationSettings({ organizationId, settings }, call) {
      if (settings === undefined) throw new TypeError("a required field is missing after validation");
      return run({ type: "organization.set", organizationId, settings: settingsOf(settings) }, call);
    },
  };
}

/** What is unset in the message stays absent. */
function settingsOf(change: OrganizationSettingsChange): Partial<OrganizationSettings> {
  const { linkHosts, senderName, senderAddress, templateFolder, notices, displayName, logoUrl, color } =
    change;
  return {
    ...(linkHosts !== undefined && { linkHosts: linkHosts.hosts }),
    ...(senderName !== undefined && { senderName }),
    ...(senderAddress !== undefined && { senderAddress }),
    ...(templateFolder !== undefined && { templateFolder }),
    ...(notices !== undefined && { notices }),
    ...(displayName !== undefined && { displayName }),
    ...(logoUrl !== undefined && { logoUrl }),
    ...(color !== undefined && { color }),
  };
}
