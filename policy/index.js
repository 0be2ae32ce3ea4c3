/** Loads pack.ts, in a second; Pulumi's own way to load TypeScript looks at all types before each update. */
"use strict";
require("tsx/cjs/api").require("./pack.ts", __filename);
