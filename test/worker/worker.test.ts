import { pythonTests } from "../support/python-tests";

/** The worker is Python; its tests are unittest's, and each is one here too. */
describe("the release worker", () => pythonTests(__dirname));
