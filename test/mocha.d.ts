// Here and not in tsconfig.json: Pulumi reads that too, where no test package is installed.
/// <reference types="mocha" />
