"""What a host with Docker Compose does for people who type what they are used to."""

import json

from support import WorkerCase

from hosts import compose_images, habits

OURS = {"auth": "b3VyczpzZWNyZXQ="}
REGISTRY = {"server": "registry.example.com", "username": "ours", "password": "secret"}


class LoginTest(WorkerCase):
    def setUp(self):
        super().setUp()
        self.config = habits.ROOT / ".docker" / "config.json"
        before = compose_images.DOCKER_LOGIN
        compose_images.DOCKER_LOGIN = self.root / "docker"
        self.addCleanup(setattr, compose_images, "DOCKER_LOGIN", before)

    def log_in(self, **changes):
        compose_images.log_in({**REGISTRY, **changes})
        return json.loads(self.config.read_text(encoding="utf-8")) if self.config.exists() else None

    def has(self, **config):
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(json.dumps(config), encoding="utf-8")
        return config

    def test_roots_docker_may_pull_what_the_worker_may(self):
        self.assertEqual(self.log_in(), {"auths": {REGISTRY["server"]: OURS}})
        self.assertEqual(self.config.stat().st_mode & 0o777, 0o600)

    def test_it_is_renewed_with_the_workers_own_beside_what_else_root_has(self):
        self.has(detachKeys="ctrl-x", auths={"other": {"auth": "x"}})
        self.log_in()
        self.assertEqual(self.log_in(password="next"), {"detachKeys": "ctrl-x", "auths": {
            "other": {"auth": "x"}, REGISTRY["server"]: {"auth": "b3VyczpuZXh0"}}})

    def test_a_login_of_roots_own_stays_and_so_does_one_that_a_program_keeps(self):
        for config in ({"auths": {REGISTRY["server"]: {"auth": "roots"}}}, {"credsStore": "pass"}):
            self.has(**config)
            self.assertEqual(self.log_in(), config)
        self.config.write_text("no JSON", encoding="utf-8")
        compose_images.log_in(REGISTRY)
        self.assertEqual(self.config.read_text(encoding="utf-8"), "no JSON")


class SignpostTest(WorkerCase):
    def test_a_folder_that_is_there_is_left_alone(self):
        habits.ROOT.mkdir()
        (habits.ROOT / "odoo-prod").mkdir()
        habits.put_signpost()
        self.assertEqual(list((habits.ROOT / "odoo-prod").iterdir()), [])

    def test_it_says_in_one_line_where_the_project_is(self):
        habits.put_signpost()
        text = (habits.ROOT / "odoo-prod" / "docker-compose.prod.yml").read_text(encoding="utf-8")
        self.assertIn('name: "${ODOO_IS:?in /opt/odoo; type: cd /opt/odoo, then the same command again}"\n', text)

