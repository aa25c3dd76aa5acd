/** Differential fuzz of the engine against engines that others wrote. */
process.stdout.write("nothing to compare with yet\n");
