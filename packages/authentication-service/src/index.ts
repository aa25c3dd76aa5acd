export { createInvite } from "./accounts/invites.ts";
export { readAsPublicKeys } from "./as-key-file.ts";
export type { DeviceIdentity, LoginReply } from "./accounts/check-device-login.ts";
export { copyAuthentication, examineAuthentication } from "./examine-authentication.ts";
export {
  type AuthenticationService,
  type AuthenticationServiceOptions,
  openAuthenticationService,
} from "./open-authentication-service.ts";
export { type AuthenticationStartCode, AuthenticationStartError } from "./start-error.ts";
