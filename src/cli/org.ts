/** `countersign org`: organizations of a running service, and what each has its own way. */
import { Option, type Command } from "commander";
import { collected } from "./access-values.ts";
import type { CommandContext } from "./command-context.ts";
import { limitOption, runOnService } from "./service-command.ts";

const commands = () => import("./org-commands.ts");

/** Adds `org create`, `list`, `show`, `rename` and `set`. */
export function defineOrg(program: Command, context: CommandContext): void {
  const org = program
    .command("org")
    .description("Manage organizations, which own users and service accounts.");
  defineCreate(org, context);
  defineList(org, context);
  defineShow(org, context);
  defineRename(org, context);
  defineSet(org, context);
}

function defineCreate(org: Command, context: CommandContext): void {
  const create = org
    .command("create")
    .description("Add an organization.")
    .argument("<name>", "what it is called")
    .option("--organization-id <id>", "id of your own (default: the service makes one)");
  runOnService(addSettings(create), context, async () => (await commands()).createOrg);
}

function defineList(org: Command, context: CommandContext): void {
  const list = org
    .command("list")
    .description("List organizations.")
    .option("--name <part>", "those with this in their name")
    .addOption(limitOption());
  runOnService(list, context, async () => (await commands()).listOrgs);
}

function defineShow(org: Command, context: CommandContext): void {
  const show = org.command("show").description("Show an organization.").argument("<id>", "its id");
  runOnService(show, context, async () => (await commands()).showOrg);
}

function defineRename(org: Command, context: CommandContext): void {
  const rename = org
    .command("rename")
    .description("Give an organization another name.")
    .argument("<id>", "its id, which stays")
    .argument("<name>", "what it is called from now on");
  runOnService(rename, context, async () => (await commands()).renameOrg);
}

function defineSet(org: Command, context: CommandContext): void {
  const set = org
    .command("set")
    .description(
      'Change settings of an organization; what is not given stays. "" goes back to what holds for all.',
    )
    .argument("<id>", "its id");
  runOnService(addSettings(set), context, async () => (await commands()).setOrg);
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
