/**
 * Where the links of an organization's mails may lead: among the hosts that the operator allows, to those that the
 * organization is set to. Asked after the permission, as what an organization is set to is nobody else's business; and
 * only of templates that callers send along, because the default one is the operator's.
 */
import type { FactKey, Facts } from "../decider.ts";
import { failure, type Failure } from "../failures.ts";
import { checkLinkTemplate } from "../url-template.ts";
import type { Verification } from "./commands.ts";
import type { Owner } from "./email-permission.ts";

/** What `linkHostProblem` looks at. */
export function linkHostNeeds(organizationId: string, verification: Verification): readonly FactKey[] {
  return templateOf(verification) === undefined ? [] : [{ kind: "organization", organizationId }];
}

/** @returns URL_TEMPLATE_HOST_REFUSED_HERE, or undefined */
export function linkHostProblem(verification: Verification, owner: Owner, facts: Facts): Failure | undefined {
  const template = templateOf(verification);
  if (template === undefined) return undefined;
  const allowedHosts = facts.organization(owner.organizationId)?.linkHosts ?? [];
  if (allowedHosts.length === 0) return undefined;
  const checked = checkLinkTemplate(template, { allowedHosts }, owner);
  if (checked.ok) return undefined;
  const metadata = { ...checked.failure.metadata, scope: "organization" };
  return failure("URL_TEMPLATE_HOST_REFUSED_HERE", { metadata });
}

function templateOf(verification: Verification): string | undefined {
  return verification.kind === "send" ? verification.urlTemplate : undefined;
}
