/** The organization that a call is about, where its request may leave that open. */
import type { Store } from "../store/store.ts";
import { failure, FailureError } from "../verification/failures.ts";
import type { Call } from "./call.ts";
import { ORGANIZATION_HEADER } from "./chain.ts";

/**
 * @param named in the request; "" where it names none: then the header counts, or else the caller's own organization
 * @throws FailureError ORGANIZATION_NOT_FOUND
 */
export async function organizationOf(
  store: Pick<Store, "findOrganization">,
  named: string,
  { caller, headers }: Pick<Call, "caller" | "headers">,
): Promise<string> {
  const own = caller.kind === "principal" ? caller.organizationId : "";
  const organizationId = named || headers.get(ORGANIZATION_HEADER) || own;
  if ((await store.findOrganization(organizationId)) === undefined) {
    throw new FailureError(failure("ORGANIZATION_NOT_FOUND"));
  }
  return organizationId;
}
