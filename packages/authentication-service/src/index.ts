export type { DeviceIdentity, LoginReply } from "./accounts/check-device-login.ts";
export { readAsPublicKeys } from "./as-key-file.ts";
export {
  type AuthenticationService,
  type AuthenticationServiceOptions,
  IN_MEMORY,
  openAuthenticationService,
} from "./open-authentication-service.ts";
export { type AuthenticationStartCode, AuthenticationStartError } from "./start-error.ts";
