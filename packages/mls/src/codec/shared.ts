/** The one value for no bytes: there is nothing in it to change, and many of them would cost far more than they say. */
export const NO_BYTES = new Uint8Array();

/** The two halves of the 64-bit number that a Reader or a Writer is at: arithmetic on bigints is slow. */
export const halves = new DataView(new ArrayBuffer(8));
