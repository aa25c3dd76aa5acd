export type { Blobs, Upload } from "./blobs/open-blobs.ts";
export { BlobsStartError } from "./blobs/blobs-start-error.ts";
export {
  type DeliveryListeners,
  type DeliveryOperation,
  type DeliveryOperations,
  type DeliveryService,
  type DeliveryServiceOptions,
  openDeliveryService,
} from "./delivery-service.ts";
export type { DeviceIdentity } from "./device-identity.ts";
export { copyDelivery, examineDelivery } from "./examine-delivery.ts";
export { createKeyPackageCheck } from "./key-packages/create-key-package-check.ts";
export type { ClaimAllowance, Turn } from "./key-packages/claim-allowance.ts";
export type { Standing } from "./groups/attach-seats.ts";
export type { Head } from "./groups/read-heads.ts";
export type { CheckedKeyPackage, KeyPackageCheck } from "./key-packages/key-package-check.ts";
export { createLoginCheck, type LoginCheck } from "./login/create-login-check.ts";
export type { Appended } from "./outcome.ts";
export type { Swept } from "./retention/sweep.ts";
export { DEFAULT_LIMITS, type DeliveryLimits } from "./limits.ts";
