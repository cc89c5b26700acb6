/** `countersign org create`, `list`, `show`, `rename` and `set`. */
import { toJson } from "@bufbuild/protobuf";
import { OrganizationSchema, type Organization, type SettingsChange } from "../client/contract.ts";
import { renderOrganization, renderOrganizations } from "./access-report.ts";
import { allPages, noteOnList } from "./all-pages.ts";
import { EXIT_OK, EXIT_USAGE } from "./exit-codes.ts";
import { CommandError, withService } from "./service.ts";
import type { ServiceFlags } from "./service-options.ts";
import { writeJson } from "./write-json.ts";

/** Of `org set`, and of `org create`. */
export interface SettingsFlags extends ServiceFlags {
  readonly linkHost?: readonly string[];
  readonly senderName?: string;
  readonly senderAddress?: string;
  readonly templateFolder?: string;
  readonly notices?: "on" | "off";
  readonly displayName?: string;
  readonly logoUrl?: string;
  readonly color?: string;
}

export interface CreateOrgFlags extends SettingsFlags {
  readonly organizationId?: string;
}

/** Of `org list`. */
export interface ListOrgsFlags extends ServiceFlags {
  readonly name?: string;
  readonly limit: number;
}

/** @returns the exit code: 0, 1 when it cannot be added */
export function createOrg(name: string, flags: CreateOrgFlags): Promise<number> {
  return withService(flags, async ({ client }) => {
    const { organizationId = "" } = flags;
    const settings = settingsOf(flags);
    const { organization } = await client.organizations.createOrganization({
      organizationId,
      name,
      settings,
    });
    write(organization, flags);
    return EXIT_OK;
  });
}

/** @returns the exit code: 0 */
export function listOrgs(flags: ListOrgsFlags): Promise<number> {
  return withService(flags, async ({ client }) => {
    const { name = "", limit, json } = flags;
    const { items, hasMore } = await allPages(limit, async (page) => {
      const answer = await client.organizations.listOrganizations({ name, ...page });
      return { items: answer.organizations, nextPageToken: answer.nextPageToken };
    });
    if (json === true) {
      writeJson({ organizations: items.map((organization) => toJson(OrganizationSchema, organization)) });
    } else if (items.length > 0) {
      process.stdout.write(renderOrganizations(items, process.stdout.columns));
    }
    noteOnList("organization", items.length, hasMore);
    return EXIT_OK;
  });
}

/** @returns the exit code: 0, 4 when there is no such organization */
export function showOrg(organizationId: string, flags: ServiceFlags): Promise<number> {
  return withService(flags, async ({ client }) => {
    write((await client.organizations.getOrganization({ organizationId })).organization, flags);
    return EXIT_OK;
  });
}

/** @returns the exit code: 0, 4 when there is no such organization */
export function renameOrg(organizationId: string, name: string, flags: ServiceFlags): Promise<number> {
  return withService(flags, async ({ client }) => {
    write((await client.organizations.renameOrganization({ organizationId, name })).organization, flags);
    return EXIT_OK;
  });
}

/** @returns the exit code: 0, 2 without a setting, 4 when there is no such organization */
export function setOrg(organizationId: string, flags: SettingsFlags): Promise<number> {
  return withService(flags, async ({ client }) => {
    const settings = settingsOf(flags);
    if (Object.keys(settings).length === 0) {
      throw new CommandError("give at least one setting; --help lists them", EXIT_USAGE);
    }
    const request = { organizationId, settings };
    write((await client.organizations.updateOrganizationSettings(request)).organization, flags);
    return EXIT_OK;
  });
}

function settingsOf(flags: SettingsFlags): SettingsChange {
  const { linkHost, senderName, senderAddress, templateFolder, notices, displayName, logoUrl, color } = flags;
  return {
    ...(linkHost !== undefined && { linkHosts: { hosts: linkHost.filter((host) => host !== "") } }),
    ...(senderName !== undefined && { senderName }),
    ...(senderAddress !== undefined && { senderAddress }),
    ...(templateFolder !== undefined && { templateFolder }),
    ...(notices !== undefined && { notices: notices === "on" }),
    ...(displayName !== undefined && { displayName }),
    ...(logoUrl !== undefined && { logoUrl }),
    ...(color !== undefined && { color }),
  };
}

function write(organization: Organization | undefined, { json }: ServiceFlags): void {
  if (organization === undefined) return;
  if (json === true) writeJson(toJson(OrganizationSchema, organization));
  else process.stdout.write(renderOrganization(organization));
}
