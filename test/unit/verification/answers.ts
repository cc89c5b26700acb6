/** The refusals of ZITADEL's tables, as the wire shows them; the letters are those of the facts' table 2.2. */
export const ANSWERS = {
  /** b */
  templateMalformed: "invalid_argument: URL Template is invalid (DOMAIN-oGh5e)",
  /** b' */
  templateUnknownField: "invalid_argument: URL Template is invalid (DOMAIN-ieYa7)",
  /** d */
  emailIdMissing: "invalid_argument: Email ID is missing (COMMAND-0Gzs3)",
  /** e */
  emailNotFound: "not_found: Email not found (COMMAND-ieJ2e)",
  /** f */
  notInitialised: "failed_precondition: User is not yet initialized (COMMAND-uz0Uu)",
  /** g */
  noMembership: "not_found: membership not found (AUTHZ-cdgFk)",
  noPermission: "permission_denied: No matching permissions found (AUTH-AWfge)",
  noPermissionHere: "permission_denied: No matching permissions found (AUTH-Swrgg2)",
  noCredential: "unauthenticated: auth header missing",
  /** h, h', h'' */
  emailEmpty: "invalid_argument: Email is empty (EMAIL-spblu)",
  emailInvalid: "invalid_argument: Email is invalid (EMAIL-599BI)",
  emailNamed: "invalid_argument: Email is invalid (EMAIL-599GV)",
  /** i */
  emailNotChanged: "failed_precondition: Email not changed (COMMAND-Uch5e)",
  /** j */
  noCodeToResend: "failed_precondition: Code is empty (EMAIL-5w5ilin4yt)",
  /** k */
  codeMissing: "invalid_argument: Code is empty (COMMAND-Fia4a)",
  /** l */
  codeInvalid: "invalid_argument: Code is invalid (COMMAND-eis9R)",
  /** 2.6 */
  organizationUnknown: "permission_denied: Organisation doesn't exist (AUTH-Bs7Ds)",
  userExists: "failed_precondition: User already exists (COMMAND-7yiox1isql)",
  usernameTaken: "already_exists: User already exists (V3-DKcYh)",
  usernameEmpty: "invalid_argument: Argument is invalid (V2-zzad3)",
  givenNameEmpty: "invalid_argument: Given name in profile is empty (USER-UCej2)",
  familyNameEmpty: "invalid_argument: Family name in profile is empty (USER-4hB7d)",
  updateNotFound: "not_found: User could not be found (COMMAND-ugjs0upun6)",
} as const;
