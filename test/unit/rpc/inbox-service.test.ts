// Whose mails a caller may read: they show codes.
import { describe, expect, test } from "@jest/globals";
import { create } from "@bufbuild/protobuf";
import {
  GetMailRequestSchema,
  InboxService,
  ListMailsRequestSchema,
  WaitForMailRequestSchema,
} from "../../../gen/countersign/v1/inbox_service_pb.ts";
import type { Call } from "../../../src/rpc/call.ts";
import { createInboxService } from "../../../src/rpc/inbox-service.ts";
import { Keyring } from "../../../src/store/keyring.ts";
import type { Grant } from "../../../src/verification/caller.ts";
import { mailWith, memoryInbox } from "../../mail/memory-inbox.ts";

const NOW_WAIT = { seconds: 0n, nanos: 0 };

async function serviceWith(...organizationIds: string[]) {
  const inbox = memoryInbox();
  for (const organizationId of organizationIds) {
    await inbox.keep(mailWith({ id: `mail of ${organizationId}`, organizationId }));
  }
  return createInboxService({ inbox, keyring: new Keyring([Buffer.alloc(32, 1)]) });
}

function callBy(...grants: Grant[]): Call {
  return {
    method: InboxService.method.listMails,
    format: "grpc",
    headers: new Headers(),
    timeoutMs: undefined,
    goneSignal: () => new AbortController().signal,
    bindings: [],
    requestId: "",
    clientAddress: "",
    startedMs: 0,
    trace: undefined,
    caller: { kind: "principal", userId: "robot", organizationId: "org1", grants },
    isAuthenticated: true,
  };
}

describe.each<[name: string, grants: Grant[], readable: string[]]>([
  ["a grant for everything", [{ permissions: ["user.write"] }], ["org1", "org2"]],
  ["a grant for one", [{ permissions: ["user.write"], organizationId: "org1" }], ["org1"]],
  [
    "writing one, reading the other",
    [{ permissions: ["user.read"] }, { permissions: ["user.read", "user.write"], organizationId: "org2" }],
    ["org2"],
  ],
  ["reading alone", [{ permissions: ["user.read"] }], []],
])("of two organizations, %s", (_name, grants, readable) => {
  test("lists, finds and awaits as much", async () => {
    const service = await serviceWith("org1", "org2");
    const call = callBy(...grants);
    const { mails = [] } = await service.listMails(create(ListMailsRequestSchema), call);
    expect(mails.map(({ organizationId }) => organizationId).toSorted()).toEqual(readable);
    for (const organizationId of ["org1", "org2"]) {
      const mailId = `mail of ${organizationId}`;
      const found = service.getMail(create(GetMailRequestSchema, { mailId }), call);
      if (readable.includes(organizationId)) {
        expect(await found).toMatchObject({ mail: { mailId, organizationId, code: "K7QX2M" } });
      } else {
        await expect(found).rejects.toMatchObject({ failure: { name: "INBOX_MAIL_NOT_FOUND" } });
      }
    }
    const request = create(WaitForMailRequestSchema, { to: "ada@example.com", timeout: NOW_WAIT });
    const came = service.waitForMail(request, call);
    const newest = readable.at(-1);
    if (newest === undefined) {
      await expect(came).rejects.toMatchObject({ failure: { name: "NO_MAIL_CAME" } });
    } else {
      expect(await came).toMatchObject({ mail: { organizationId: newest } });
    }
  });
});
