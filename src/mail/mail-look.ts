/** What an organization has its own way in its mails. */
import type { OrganizationSettings } from "../verification/organization-settings.ts";

/** What is absent is as for all mails. Plain data, so that it can go to a thread. */
export interface MailLook {
  /** Shows as the sender, and signs the mail. */
  readonly senderName?: string;
  readonly senderAddress?: string;
  /** Whose texts and templates, in the place of the organization's own: a name among the overrides. */
  readonly templateFolder?: string;
}

/** @returns undefined where nothing is the organization's own way */
export function mailLookOf(settings: OrganizationSettings): MailLook | undefined {
  const { senderName, senderAddress, templateFolder } = settings;
  if (senderName === "" && senderAddress === "" && templateFolder === "") return undefined;
  return {
    ...(senderName !== "" && { senderName }),
    ...(senderAddress !== "" && { senderAddress }),
    ...(templateFolder !== "" && { templateFolder }),
  };
}
