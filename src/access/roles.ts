/** What roles allow; the rules are the domain's. */
export { grantsOf, ROLE_PERMISSIONS } from "../verification/roles.ts";
