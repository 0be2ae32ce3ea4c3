import { pythonTests } from "../support/python-tests";

/** With a stand-in for PostgreSQL; on the real one and with real pods, test/e2e shows it. */
describe("the guard of Odoo", () => pythonTests(__dirname));
