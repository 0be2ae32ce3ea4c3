"""What a host looks at before it runs an image that has to be signed. What cosign itself refuses is not shown here."""

import base64
import json
from unittest import mock

from support import WorkerCase, request

import staged
from failures import Failure
from hosts import compose, compose_signature
from hosts.compose import ComposeHost
from shell import Result

DIGEST = "sha256:" + "b" * 64
VERIFIER = "registry/cosign@sha256:" + "c" * 64
PASSED = {"gates": [{"name": "image", "outcome": "passed", "notChecked": []}]}


def bundle(name, digest=DIGEST, predicate=None, **changes):
    statement = {"predicateType": compose_signature.TYPES[name], "predicate": predicate,
                 "subject": [{"digest": {"sha256": digest.partition(":")[2]}}]}
    payload = base64.b64encode(json.dumps(statement).encode()).decode()
    envelope = {"payload": payload, "payloadType": compose_signature.PAYLOAD_TYPE, "signatures": [{"sig": "eA=="}]}
    return json.dumps({"mediaType": compose_signature.MEDIA_TYPE, "verificationMaterial": {}, "dsseEnvelope": envelope,
                       **changes})


def proof(**changes):
    return {"signer": {"publicKey": "the key"}, "cosign": VERIFIER, "signature": bundle("signature"),
            "attestation": bundle("attestation", predicate=PASSED), **changes}


class SignatureTest(WorkerCase):
    def setUp(self):
        super().setUp()
        self.calls, self.seen = [], []
        self.status, self.said = 0, ""
        self.place = self.root / "proof"
        for owner, name, value in ((compose_signature, "PROOF", self.place), (compose_signature, "run", self.run_docker),
                                   (compose_signature.images, "pull", lambda image, _: self.calls.append(image))):
            patch = mock.patch.object(owner, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def run_docker(self, args, _):
        self.calls.append(" ".join(args))
        self.seen.append({path.name: path.read_text() for path in self.place.iterdir()})
        return Result(self.status, "", self.said)

    def refusal(self, **changes):
        with self.assertRaises(Failure) as caught:
            compose_signature.refuse_unsigned(request(signature=proof(**changes)))
        self.assertFalse(self.place.exists())
        return caught.exception

    def test_nothing_is_asked_where_releases_are_not_signed(self):
        compose_signature.refuse_unsigned(request())
        self.assertEqual(self.calls, [])

    def test_cosign_looks_at_both_statements_without_a_network(self):
        compose_signature.refuse_unsigned(request(signature=proof()))
        self.assertEqual(self.calls[0], VERIFIER)
        self.assertEqual(len(self.calls), 3)
        for call, name in zip(self.calls[1:], compose_signature.TYPES):
            self.assertIn("--network none --read-only --user 65532:65532 --cap-drop ALL", call)
            self.assertIn(f"{self.place}:/proof:ro {VERIFIER} verify-blob-attestation --bundle=/proof/{name}.json", call)
            self.assertIn(f"--digest={'b' * 64} --digestAlg=sha256 --key=/proof/signer.pub", call)
        self.assertEqual(sorted(self.seen[0]), ["attestation.json", "signature.json", "signer.pub"])
        self.assertFalse(self.place.exists())

    def test_a_name_is_verified_by_roots_that_were_sent_along(self):
        signer = {"identity": "me", "issuer": "https://i.example", "trustedRoot": "roots"}
        compose_signature.refuse_unsigned(request(signature=proof(signer=signer)))
        self.assertIn("--certificate-identity=me --certificate-oidc-issuer=https://i.example "
                      "--trusted-root=/proof/trusted-root.json", self.calls[1])
        self.assertNotIn("insecure", self.calls[1])
        self.assertEqual(self.seen[0]["trusted-root.json"], "roots")

    def test_what_is_lacking_is_told_by_name_before_anything_is_run(self):
        self.assertEqual(self.refusal(signature="").code, "IMAGE_UNSIGNED")
        self.assertEqual(self.refusal(attestation="").code, "ATTESTATION_MISSING")
        self.assertEqual(self.calls, [])

    def test_what_cosign_refuses_is_refused(self):
        self.status, self.said = 1, "error: invalid signature"
        failure = self.refusal()
        self.assertEqual(failure.code, "SIGNATURE_INVALID")
        self.assertIn("signature: error: invalid signature", failure.found)

    def test_a_container_that_does_not_start_says_nothing_about_a_signature(self):
        for self.status in (124, 125):
            self.assertEqual(self.refusal().code, "CONTAINER_START_FAILURE")

    def test_statements_about_something_else_are_refused_and_cosign_is_not_asked(self):
        other = "sha256:" + "d" * 64
        for changes in ({"signature": bundle("signature", other)}, {"attestation": bundle("attestation", other)},
                        {"signature": bundle("attestation")}, {"signature": "{"}, {"signature": "[]"},
                        {"signature": '{"base64Signature": "eA==", "cert": "eA=="}'},
                        {"signature": bundle("signature", mediaType="application/vnd.other")},
                        {"signature": bundle("signature", dsseEnvelope={"payload": "%"})}):
            self.assertEqual(self.refusal(**changes).code, "SIGNATURE_INVALID", changes)
        self.assertEqual([call for call in self.calls if " " in call], [])

    def test_cosign_sees_nothing_that_was_not_judged(self):
        hostile = bundle("signature", cert="a key", base64Signature="eA==")
        envelope = json.loads(bundle("signature", "sha256:" + "d" * 64))["dsseEnvelope"]
        twice = f'{{"dsseEnvelope": {json.dumps(envelope)}, {hostile[1:]}'
        compose_signature.refuse_unsigned(request(signature=proof(signature=twice)))
        self.assertEqual(json.loads(self.seen[0]["signature.json"]), json.loads(bundle("signature")))
        self.assertEqual(self.seen[0]["signature.json"].count("dsseEnvelope"), 1)

    def test_gates_that_have_not_passed_are_refused_although_they_are_signed(self):
        for predicate in ({"gates": [{"name": "image", "outcome": "failed"}]}, {"gates": []}, {}, None,
                          {"gates": [{"name": "scan"}]}):
            failure = self.refusal(attestation=bundle("attestation", predicate=predicate))
            self.assertEqual(failure.code, "ATTESTATION_REFUSED", predicate)
        self.assertIn("incomplete", compose_signature.GOOD)

    def test_an_image_without_its_lists_is_refused_where_they_are_asked_for(self):
        lists = {"spdx": DIGEST, "cyclonedx": DIGEST}
        for named, told in ((None, "no spdx and no cyclonedx"), ([], "no spdx and no cyclonedx"),
                            ({"spdx": DIGEST}, "no cyclonedx"), ({**lists, "spdx": "sha256:1"}, "no spdx"),
                            ({**lists, "cyclonedx": f"{DIGEST}\n"}, "no cyclonedx")):
            predicate = {**PASSED, "sbom": named}
            failure = self.refusal(sbom=True, attestation=bundle("attestation", predicate=predicate))
            self.assertEqual(failure.code, "SBOM_MISSING", named)
            self.assertTrue(failure.found.endswith(told), failure.found)
        self.assertEqual(self.refusal(sbom=True).code, "SBOM_MISSING")
        named = bundle("attestation", predicate={**PASSED, "sbom": lists})
        compose_signature.refuse_unsigned(request(signature=proof(sbom=True, attestation=named)))

    def test_lists_are_not_asked_for_where_their_gate_is_off_or_by_a_request_from_before(self):
        for changes in ({"sbom": False}, {}):
            compose_signature.refuse_unsigned(request(signature=proof(**changes)))

    def test_a_failed_gate_is_told_before_a_missing_list(self):
        failed = bundle("attestation", predicate={"gates": [{"name": "image", "outcome": "failed"}]})
        self.assertEqual(self.refusal(sbom=True, attestation=failed).code, "ATTESTATION_REFUSED")

    def test_an_image_that_verifies_is_named_by_its_digest(self):
        self.assertEqual(self.refusal(cosign="registry/cosign:latest").code, "DEPLOY_FAILED")


class OrderTest(WorkerCase):
    def test_nothing_is_pulled_that_has_not_been_verified(self):
        host, done = ComposeHost(), []
        host.services = mock.Mock()
        host.services.images.return_value = [request()["image"]]

        def refuse(asked):
            done.append(asked["id"])
            raise Failure("SIGNATURE_INVALID", "no")
        with (mock.patch.object(compose, "egress"), mock.patch.object(compose.habits, "put_signpost"),
              mock.patch.object(compose.images, "log_in"), mock.patch.object(compose.images, "pull") as pull,
              mock.patch.object(compose.signature, "refuse_unsigned", refuse), self.assertRaises(Failure)):
            host.fetch(request())
        self.assertEqual(done, ["r2"])
        pull.assert_not_called()

    def test_the_verifier_is_kept_as_long_as_a_release_that_needs_it(self):
        asked = request(id="r9", signature=proof())
        staged.keep(asked)
        self.assertIn(VERIFIER, staged.images_of("r9"))
