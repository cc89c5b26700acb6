// Organizations and their settings, in gRPC and in REST: who may change what, and what the settings do to mails.
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { JsonObject } from "@bufbuild/protobuf";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AccessService } from "../../gen/countersign/v1/access_service_pb.ts";
import { OrganizationService } from "../../gen/countersign/v1/organization_service_pb.ts";
import { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";
import { Relay, type ReceivedMail } from "../mail/relay.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { outcome } from "../support/json-calls.ts";
import { clientFormats, openGrpc, type Ask, type ServiceClient } from "../support/service-clients.ts";
import { textAt } from "../support/wire-formats.ts";

jest.setTimeout(30_000);

let relay: Relay;
let templates: string;
let application: TestApplication;
let admin: string;
let access: Ask;
let users: Ask;
const clients: ServiceClient[] = [];
let names = 0;

beforeAll(async () => {
  templates = await mkdtemp(join(tmpdir(), "countersign-templates-"));
  await mkdir(join(templates, "organizations/brand"), { recursive: true });
  await writeFile(join(templates, "organizations/brand/en.json"), '{"subject": "Brand of {{sender}}"}');
  relay = await Relay.start();
  application = await startTestApplication({
    env: {
      COUNTERSIGN_SMTP_URL: `smtp://127.0.0.1:${relay.port}`,
      COUNTERSIGN_MAIL_FROM: "Operator <operator@op.example>",
      COUNTERSIGN_MAIL_TEMPLATES: templates,
      COUNTERSIGN_URL_TEMPLATE_HOSTS: "app.example,*.tenants.example",
    },
  });
  admin = application.token;
  access = opened(openGrpc(application.url, AccessService));
  users = opened(openGrpc(application.url, UserService));
});
afterAll(async () => {
  for (const client of clients) client.close();
  await application.stop();
  await relay.stop();
  await rm(templates, { recursive: true });
});

function opened(client: ServiceClient): Ask {
  clients.push(client);
  return client.ask;
}

/** A token of a new account with that role. */
async function holding(role: string, organizationId = ""): Promise<string> {
  names += 1;
  const roles = [{ role, organizationId }];
  const made = await access(admin, "CreateServiceAccount", { username: `robot-${names}`, roles });
  const { serviceAccountId } = made["serviceAccount"] as { serviceAccountId: string };
  return textAt(await access(admin, "CreateAccessToken", { serviceAccountId }), "token");
}

async function addUser(organizationId: string): Promise<string> {
  names += 1;
  const answer = await users(admin, "AddHumanUser", {
    organization: { orgId: organizationId },
    username: `user-${names}`,
    profile: { givenName: "Ada", familyName: "Lovelace" },
    email: { email: `user-${names}@example.com`, isVerified: false },
  });
  return textAt(answer, "userId");
}

const DENIED = "7 PERMISSION_DENIED";

describe.each(clientFormats)("over %s", (format, open) => {
  let ask: Ask;
  beforeAll(() => {
    ask = opened(open(application.url, OrganizationService));
  });

  const idOf = (answer: JsonObject) => textAt(answer["organization"], "organizationId");
  async function organization(change: JsonObject = {}): Promise<string> {
    names += 1;
    return idOf(await ask(admin, "CreateOrganization", { name: `Organization ${names}`, ...change }));
  }

  test("made, read, renamed, set", async () => {
    const organizationId = `acme-${format}`;
    const made = await ask(admin, "CreateOrganization", {
      organizationId,
      name: " Acme ",
      settings: { senderName: "Acme Mail" },
    });
    const settings = { senderName: "Acme Mail", notices: true };
    expect(made).toEqual({
      organization: {
        organizationId,
        name: "Acme",
        settings,
        createTime: expect.any(String),
        changeTime: expect.any(String),
      },
    });
    expect(await ask(admin, "GetOrganization", { organizationId })).toEqual(made);
    expect(await ask(admin, "RenameOrganization", { organizationId, name: "Acme Ltd." })).toMatchObject({
      organization: { name: "Acme Ltd.", settings },
    });
    const change = {
      linkHosts: { hosts: ["App.Example"] },
      notices: false,
      displayName: "ACME",
      logoUrl: "https://acme.example/logo.png",
      color: "#1F5FD0",
    };
    const after = {
      senderName: "Acme Mail",
      linkHosts: ["app.example"],
      notices: false,
      displayName: "ACME",
      logoUrl: "https://acme.example/logo.png",
      color: "#1f5fd0",
    };
    expect(
      await ask(admin, "UpdateOrganizationSettings", { organizationId, settings: change }),
    ).toMatchObject({
      organization: { name: "Acme Ltd.", settings: after },
    });
    const emptied = { linkHosts: {}, senderName: "", notices: true };
    const answer = await ask(admin, "UpdateOrganizationSettings", { organizationId, settings: emptied });
    const { senderName: _senderName, linkHosts: _linkHosts, ...rest } = after;
    expect((answer["organization"] as JsonObject)["settings"]).toEqual({ ...rest, notices: true });
  });

  test("who may do what", async () => {
    const organizationId = await organization();
    const callers: Record<string, string> = {
      IAM_OWNER: await holding("IAM_OWNER"),
      IAM_ORG_MANAGER: await holding("IAM_ORG_MANAGER"),
      IAM_OWNER_VIEWER: await holding("IAM_OWNER_VIEWER"),
      ORG_OWNER: await holding("ORG_OWNER", organizationId),
      ORG_OWNER_VIEWER: await holding("ORG_OWNER_VIEWER", organizationId),
      "ORG_OWNER elsewhere": await holding("ORG_OWNER", application.organizationId),
      ORG_USER_SELF_MANAGER: await holding("ORG_USER_SELF_MANAGER", organizationId),
      anonymous: "",
    };
    const table: Record<string, Record<string, string>> = {};
    for (const [who, token] of Object.entries(callers)) {
      names += 1;
      const set = (settings: JsonObject) =>
        outcome(ask(token, "UpdateOrganizationSettings", { organizationId, settings }));
      table[who] = {
        create: await outcome(ask(token, "CreateOrganization", { name: `Organization ${names}` })),
        get: await outcome(ask(token, "GetOrganization", { organizationId })),
        rename: await outcome(ask(token, "RenameOrganization", { organizationId, name: `Name ${names}` })),
        set: await set({ displayName: `Name ${names}` }),
        setSender: await set({ senderAddress: `sender-${names}@acme.example` }),
        setTemplates: await set({ templateFolder: `folder-${names}` }),
      };
    }
    const all = (answer: string) => ({
      create: answer,
      get: answer,
      rename: answer,
      set: answer,
      setSender: answer,
      setTemplates: answer,
    });
    expect(table).toEqual({
      IAM_OWNER: all("ok"),
      IAM_ORG_MANAGER: { ...all("ok"), setSender: DENIED, setTemplates: DENIED },
      IAM_OWNER_VIEWER: { ...all(DENIED), get: "ok" },
      ORG_OWNER: { ...all("ok"), create: DENIED, setSender: DENIED, setTemplates: DENIED },
      ORG_OWNER_VIEWER: { ...all(DENIED), get: "ok" },
      "ORG_OWNER elsewhere": all(DENIED),
      ORG_USER_SELF_MANAGER: all(DENIED),
      anonymous: all("16 AUTH_HEADER_MISSING"),
    });
  });

  test("lists show what the caller may read, by name, page by page", async () => {
    const mine = await organization({ name: `Zebra ${format} one` });
    const other = await organization({ name: `Zebra ${format} two` });
    const list = async (token: string, request: JsonObject) => {
      const answer = await ask(token, "ListOrganizations", request);
      return ((answer["organizations"] ?? []) as JsonObject[]).map((each) => textAt(each, "organizationId"));
    };
    expect(await list(admin, { name: `zebra ${format}` })).toEqual([mine, other].toSorted());
    expect(await list(await holding("ORG_OWNER_VIEWER", mine), {})).toEqual([mine]);
    const first = await ask(admin, "ListOrganizations", { name: `zebra ${format}`, pageSize: 1 });
    const pageToken = textAt(first, "nextPageToken");
    expect(await list(admin, { name: `zebra ${format}`, pageSize: 1, pageToken })).toEqual(
      [mine, other].toSorted().slice(1),
    );
    expect(await outcome(ask(admin, "ListOrganizations", { name: "other", pageToken }))).toBe(
      "3 REQUEST_INVALID",
    );
    expect(await outcome(ask(await holding("ORG_USER_SELF_MANAGER", mine), "ListOrganizations", {}))).toBe(
      DENIED,
    );
  });

  test("what breaks a rule is refused, naming the field", async () => {
    const organizationId = await organization();
    const rows: [method: string, request: JsonObject, answer: string][] = [
      ["CreateOrganization", {}, "3 REQUEST_INVALID"],
      ["CreateOrganization", { name: "  " }, "3 ORGANIZATION_INVALID"],
      ["CreateOrganization", { name: "x", organizationId: "a b" }, "3 ORGANIZATION_INVALID"],
      ["CreateOrganization", { name: "x", organizationId }, "6 ORGANIZATION_ALREADY_EXISTS"],
      ["GetOrganization", { organizationId: "nowhere" }, "5 ORGANIZATION_UNKNOWN"],
      ["RenameOrganization", { organizationId: "nowhere", name: "x" }, "5 ORGANIZATION_UNKNOWN"],
      ["RenameOrganization", { organizationId, name: "a\nb" }, "3 ORGANIZATION_INVALID"],
      [
        "UpdateOrganizationSettings",
        { organizationId, settings: { logoUrl: "http://a.example/x" } },
        "3 ORGANIZATION_INVALID",
      ],
      [
        "UpdateOrganizationSettings",
        { organizationId, settings: { color: "red" } },
        "3 ORGANIZATION_INVALID",
      ],
      [
        "UpdateOrganizationSettings",
        { organizationId, settings: { linkHosts: { hosts: ["https://a"] } } },
        "3 ORGANIZATION_INVALID",
      ],
      [
        "UpdateOrganizationSettings",
        { organizationId, settings: { color: "#1f5fd0ff" } },
        "3 REQUEST_INVALID",
      ],
    ];
    for (const [method, request, answer] of rows) {
      expect([method, request, await outcome(ask(admin, method, request))]).toEqual([
        method,
        request,
        answer,
      ]);
    }
  });

  test("link hosts narrow what the operator allows, for callers who may send", async () => {
    const organizationId = await organization();
    const userId = await addUser(organizationId);
    const owner = await holding("ORG_OWNER", organizationId);
    const stranger = await holding("ORG_OWNER", application.organizationId);
    const send = (host: string, token = owner) =>
      outcome(
        users(token, "SendEmailCode", { userId, sendCode: { urlTemplate: `https://${host}/v?c={{.Code}}` } }),
      );
    const REFUSED = "3 URL_TEMPLATE_HOST_REFUSED";
    expect(await send("app.example")).toBe("ok");
    const hosts = ["a.tenants.example", "elsewhere.example"];
    await ask(owner, "UpdateOrganizationSettings", { organizationId, settings: { linkHosts: { hosts } } });
    expect(await send("app.example")).toBe(REFUSED);
    expect(await send("a.tenants.example")).toBe("ok");
    expect(await send("b.tenants.example")).toBe(REFUSED);
    // Listed by the organization, but not by the operator.
    expect(await send("elsewhere.example")).toBe(REFUSED);
    // Who may not send does not learn what is listed.
    expect(await send("a.tenants.example", stranger)).toBe(DENIED);
    expect(await send("app.example", stranger)).toBe(DENIED);
    expect(await outcome(users(owner, "SendEmailCode", { userId }))).toBe("ok");
    const added = await outcome(
      users(owner, "AddHumanUser", {
        organization: { orgId: organizationId },
        profile: { givenName: "Ada", familyName: "Lovelace" },
        email: {
          email: `x-${format}@example.com`,
          sendCode: { urlTemplate: "https://app.example/{{.Code}}" },
        },
      }),
    );
    expect(added).toBe(REFUSED);
  });
});

describe("mails", () => {
  let ask: Ask;
  beforeAll(() => {
    ask = opened(openGrpc(application.url, OrganizationService));
  });

  async function mailOf(organizationId: string): Promise<ReceivedMail> {
    const userId = await addUser(organizationId);
    const address = `user-${names}@example.com`;
    await users(admin, "SendEmailCode", { userId });
    for (;;) {
      const mail = relay.mails.find(({ envelopeTo }) => envelopeTo.includes(address));
      if (mail !== undefined) return mail;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  test("come from the organization's sender, in its texts", async () => {
    const create = async (settings: JsonObject) => {
      const answer = await ask(admin, "CreateOrganization", { name: "Sender", settings });
      return textAt(answer["organization"], "organizationId");
    };
    const plain = await mailOf(await create({}));
    expect([plain.envelopeFrom, plain.parsed.from?.text]).toEqual([
      "operator@op.example",
      '"Operator" <operator@op.example>',
    ]);
    const named = await mailOf(await create({ senderName: "Acme" }));
    expect([named.envelopeFrom, named.parsed.from?.text]).toEqual([
      "operator@op.example",
      '"Acme" <operator@op.example>',
    ]);
    const own = await mailOf(
      await create({ senderName: "Acme", senderAddress: "hello@acme.example", templateFolder: "brand" }),
    );
    expect([own.envelopeFrom, own.parsed.from?.text, own.parsed.subject]).toEqual([
      "hello@acme.example",
      '"Acme" <hello@acme.example>',
      "Brand of Acme",
    ]);
    expect(plain.parsed.subject).not.toContain("Brand");
  });
});
