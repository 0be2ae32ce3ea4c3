/**
 * Loads pack.ts, in a second; Pulumi's own way to load TypeScript looks at all types before each update. Packages are
 * loaded as Pulumi loads them: of a second copy its messages would be of other classes.
 */
"use strict";
require("tsx/cjs");
require("./pack.ts");
