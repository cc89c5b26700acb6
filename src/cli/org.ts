/** `countersign org`: organizations of a running service, and what each has its own way. */
import { Option, type Command } from "commander";
import { collected } from "./access-values.ts";
import type { CreateOrgFlags, ListOrgsFlags, SettingsFlags } from "./org-commands.ts";
import { addServiceOptions, type ServiceFlags } from "./service-options.ts";
import { wholeNumber } from "./values.ts";

export interface OrgContext {
  /** Receives the exit code once the command is over. */
  end(exitCode: number): void;
}

const DEFAULT_LIST_LIMIT = 50;
const MAX_LIST_LIMIT = 10_000;

/** Adds `org create`, `list`, `show`, `rename` and `set`. */
export function defineOrg(program: Command, context: OrgContext): void {
  const org = program
    .command("org")
    .description("Manage organizations, which own users and service accounts.");
  defineCreate(org, context);
  defineList(org, context);
  defineShow(org, context);
  defineRename(org, context);
  defineSet(org, context);
}

function defineCreate(org: Command, context: OrgContext): void {
  const create = org
    .command("create")
    .description("Add an organization.")
    .argument("<name>", "what it is called")
    .option("--organization-id <id>", "id of your own (default: the service makes one)");
  addServiceOptions(addSettings(create)).action(async (name: string, flags: CreateOrgFlags) => {
    // Loaded here, so that other commands do not wait for it.
    const { createOrg } = await import("./org-commands.ts");
    context.end(await createOrg(name, flags));
  });
}

function defineList(org: Command, context: OrgContext): void {
  const list = org
    .command("list")
    .description("List organizations.")
    .option("--name <part>", "those with this in their name")
    .option(
      "--limit <count>",
      `how many at most, up to ${MAX_LIST_LIMIT} (default: ${DEFAULT_LIST_LIMIT})`,
      wholeNumber(1, MAX_LIST_LIMIT),
    );
  addServiceOptions(list).action(async (flags: Omit<ListOrgsFlags, "limit"> & { limit?: number }) => {
    const { listOrgs } = await import("./org-commands.ts");
    context.end(await listOrgs({ ...flags, limit: flags.limit ?? DEFAULT_LIST_LIMIT }));
  });
}

function defineShow(org: Command, context: OrgContext): void {
  const show = org.command("show").description("Show an organization.").argument("<id>", "its id");
  addServiceOptions(show).action(async (id: string, flags: ServiceFlags) => {
    const { showOrg } = await import("./org-commands.ts");
    context.end(await showOrg(id, flags));
  });
}

function defineRename(org: Command, context: OrgContext): void {
  const rename = org
    .command("rename")
    .description("Give an organization another name.")
    .argument("<id>", "its id, which stays")
    .argument("<name>", "what it is called from now on");
  addServiceOptions(rename).action(async (id: string, name: string, flags: ServiceFlags) => {
    const { renameOrg } = await import("./org-commands.ts");
    context.end(await renameOrg(id, name, flags));
  });
}

function defineSet(org: Command, context: OrgContext): void {
  const set = org
    .command("set")
    .description(
      'Change settings of an organization; what is not given stays. "" goes back to what holds for all.',
    )
    .argument("<id>", "its id");
  addServiceOptions(addSettings(set)).action(async (id: string, flags: SettingsFlags) => {
    const { setOrg } = await import("./org-commands.ts");
    context.end(await setOrg(id, flags));
  });
}

function addSettings(command: Command): Command {
  return command
    .option(
      "--link-host <host>",
      'where links may lead, among what the service allows: app.example.com, *.example.com or myapp:; may be given several times; "" for all of that',
      collected,
    )
    .option("--sender-name <name>", "name of the sender, which signs the mails")
    .option("--sender-address <address>", "address of the sender (takes iam.write)")
    .option("--template-folder <name>", "folder of its mail templates (takes iam.write; default: its id)")
    .addOption(new Option("--notices <switch>", "tell an old address of the new one").choices(["on", "off"]))
    .option("--display-name <name>", "what people know it as")
    .option("--logo-url <url>", "https URL of its logo")
    .option("--color <color>", "its colour, such as #1f5fd0");
}
