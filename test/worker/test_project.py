from support import WorkerCase, request

import project


class SecretsTest(WorkerCase):
    def test_what_a_release_runs_before_it_is_in_place_finds_its_own_and_changes_nobody_elses(self):
        (self.root / "project" / "secrets").mkdir(parents=True)
        key = self.root / "project" / "secrets" / "tls-key"
        key.write_text("of the release in place")
        asked = request(secrets=[{"file": "secrets/tls-key", "uid": 1000, "content": "new"},
                                 {"file": "secrets/tasks", "uid": 100, "generate": True}])
        project.place_secrets(asked, only_new=True)
        self.assertEqual(key.read_text(), "of the release in place")
        made = (self.root / "project" / "secrets" / "tasks").read_text()
        self.assertEqual(made, project.generated("tasks"))
        project.place_secrets(asked)
        self.assertEqual((key.read_text(), (self.root / "project" / "secrets" / "tasks").read_text()), ("new", made))
