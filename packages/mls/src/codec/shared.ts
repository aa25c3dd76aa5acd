// What readers and writers share: there is nothing in the one to change, and the other is used at once.

/** The one value for no bytes: many of them would cost far more than they say. */
export const NO_BYTES = new Uint8Array();

/** The two halves of the 64-bit number that is being read or written: arithmetic on bigints is slow. */
export const halves = new DataView(new ArrayBuffer(8));
