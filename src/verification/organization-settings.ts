/**
 * What an organization may have its own way, and which values that takes.
 *
 * Values come from the organization's own people, and mails of all organizations leave under the operator's name: so
 * whatever could be used against others - the sender's address, the texts of another organization - is the operator's
 * to set (`OPERATOR_SETTINGS`), and link hosts only narrow what the operator allows.
 */
import { parseMailbox } from "./email-address.ts";
import type { FieldFault } from "./failures.ts";
import { parseLinkTarget } from "./link-target.ts";

export interface OrganizationSettings {
  /** Where templates of callers may lead, among what COUNTERSIGN_URL_TEMPLATE_HOSTS allows; none: all of that. */
  readonly linkHosts: readonly string[];
  /** Name of the sender, which signs the mails too. "": the operator's. */
  readonly senderName: string;
  /** Address of the sender. "": the operator's. */
  readonly senderAddress: string;
  /** Whose texts and templates: the name of a folder in COUNTERSIGN_MAIL_TEMPLATES. "": the organization's id. */
  readonly templateFolder: string;
  /** Whether an old address is told that another took its place. */
  readonly notices: boolean;
  /** What people know the organization as. "": its name. */
  readonly displayName: string;
  /** An https URL, or "". */
  readonly logoUrl: string;
  /** `#rrggbb`, or "". */
  readonly color: string;
}

export const DEFAULT_ORGANIZATION_SETTINGS: OrganizationSettings = {
  linkHosts: [],
  senderName: "",
  senderAddress: "",
  templateFolder: "",
  notices: true,
  displayName: "",
  logoUrl: "",
  color: "",
};

/** Takes `iam.write`, not `org.write`. */
export const OPERATOR_SETTINGS: ReadonlySet<keyof OrganizationSettings> = new Set([
  "senderAddress",
  "templateFolder",
]);

export const MAX_LINK_HOSTS = 50;
const MAX_NAME_LENGTH = 200;
const MAX_URL_LENGTH = 2_000;

const FOLDER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;
const COLOR = /^#[0-9a-f]{6}$/;
// Line breaks, other control characters, halves of characters, and marks that turn the direction of writing.
const UNFIT_FOR_NAMES = /[\p{Cc}\p{Cs}\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]/u;

/** One line of visible text. @returns what is wrong with it, or undefined */
export function nameProblem(name: string): string | undefined {
  if (Array.from(name).length > MAX_NAME_LENGTH) return `takes at most ${MAX_NAME_LENGTH} characters`;
  return UNFIT_FOR_NAMES.test(name) ? "takes one line without control characters" : undefined;
}

/** Without blanks around names, with hosts and colours in their canonical spelling: the form in which settings are stored. */
export function normalizeSettings(change: Partial<OrganizationSettings>): Partial<OrganizationSettings> {
  const { linkHosts, senderName, displayName, color } = change;
  return {
    ...change,
    ...(linkHosts !== undefined && { linkHosts: [...new Set(linkHosts.map(canonicalTarget))] }),
    ...(senderName !== undefined && { senderName: senderName.trim() }),
    ...(displayName !== undefined && { displayName: displayName.trim() }),
    ...(color !== undefined && { color: color.toLowerCase() }),
  };
}

/**
 * @param change in its normal form
 * @returns the first value that is none, under its field's name in the contract, or undefined
 */
export function settingsFault(change: Partial<OrganizationSettings>): FieldFault | undefined {
  const { linkHosts = [], senderName = "", senderAddress = "", templateFolder = "" } = change;
  const { displayName = "", logoUrl = "", color = "" } = change;
  if (linkHosts.length > MAX_LINK_HOSTS) return fault("link_hosts", `takes at most ${MAX_LINK_HOSTS} hosts`);
  for (const [index, host] of linkHosts.entries()) {
    const parsed = parseLinkTarget(host);
    if (!parsed.ok) return fault(`link_hosts[${index}]`, parsed.problem);
  }
  const sender = nameProblem(senderName);
  if (sender !== undefined) return fault("sender_name", sender);
  if (senderAddress !== "" && !isBareAddress(senderAddress)) {
    return fault("sender_address", "takes one address such as no-reply@example.com, without a name");
  }
  if (templateFolder !== "" && !FOLDER_NAME.test(templateFolder)) {
    return fault(
      "template_folder",
      "takes the name of a folder: letters, digits, dots, dashes and underscores",
    );
  }
  const display = nameProblem(displayName);
  if (display !== undefined) return fault("display_name", display);
  if (logoUrl !== "" && !isHttpsUrl(logoUrl)) {
    return fault("logo_url", "takes an https URL such as https://example.com/logo.png, without credentials");
  }
  if (color !== "" && !COLOR.test(color)) return fault("color", "takes a colour such as #1f5fd0");
  return undefined;
}

/** What is no target stays as it is, for `settingsFault` to find. */
function canonicalTarget(text: string): string {
  const parsed = parseLinkTarget(text.trim());
  return parsed.ok ? parsed.target : text;
}

function isBareAddress(text: string): boolean {
  const parsed = parseMailbox(text);
  return parsed.ok && parsed.mailbox.displayName === undefined && parsed.mailbox.address === text;
}

function isHttpsUrl(text: string): boolean {
  const url = text.length <= MAX_URL_LENGTH ? URL.parse(text) : null;
  if (url === null || !/^https:\/\/[^/\\\s]/.test(text) || /[\s<>"\\]/.test(text)) return false;
  return url.protocol === "https:" && url.username === "" && url.password === "";
}

function fault(field: string, description: string): FieldFault {
  return { field, description };
}
